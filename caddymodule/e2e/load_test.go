//go:build load

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// How a server is measured: so many connections ask one after the other, in rounds
// in which the servers take turns, so many turns each.
const (
	loadConnections = 16
	loadRounds      = 7
	loadRound       = 3 * time.Second
	loadTurns       = 12
)

// TestLoad compares the gate before an application with the same Caddy without it,
// that one with itself, as what lies within this comparison is noise, and with one
// that says the same of somebody. It asserts nothing but that every answer was the
// application's.
func TestLoad(t *testing.T) {
	gate, bare, again, told := newServer(t), newBareServer(t, ""), newBareServer(t, ""), newBareServer(t, toldHeaders)
	for _, s := range []*server{gate, bare, again, told} {
		s.app.Config.Handler = http.HandlerFunc(answerOneKilobyte)
	}
	gate.person("jdupont", "--group", "enseignants")
	h := gate.holder(t, "jdupont")
	h.firstLogin(h.open(gate.notes("/")))
	cookie := "Cookie: " + cookiesOf(t, h, gate.notes("/")) + "\r\n"

	candidates := []*candidate{{name: "bare", s: bare}, {name: "bare again", s: again}, {name: "bare with headers", s: told}, {name: "gate", s: gate, cookie: cookie}}
	for range loadRounds {
		inTurn(t, candidates)
	}
	for _, c := range candidates {
		c.profile(t)
	}
	t.Logf("%d connections, %d rounds of %s in %d turns, medians of the ratios to bare in each round", loadConnections, loadRounds, loadRound, loadTurns)
	for _, c := range candidates {
		ratio := func(of func(round) float64) float64 {
			var all []float64
			for i, r := range c.rounds {
				all = append(all, of(r)/of(candidates[0].rounds[i]))
			}
			return median(all)
		}
		rate := func(r round) float64 { return float64(r.answers) / loadRound.Seconds() }
		late := func(r round) float64 { return float64(r.p99) }
		cost := func(r round) float64 { return float64(r.cpu) / float64(r.answers) }
		if c != candidates[0] {
			t.Logf("figure %q %.3f", "whole server, "+c.name+": rate, ratio to bare", ratio(rate))
			t.Logf("figure %q %.3f", "whole server, "+c.name+": p99, ratio to bare", ratio(late))
			t.Logf("figure %q %.3f", "whole server, "+c.name+": processor, ratio to bare", ratio(cost))
		}
		t.Logf("%-10s  %.0f a second   p99 %s   processor a request %s", c.name, median(each(c.rounds, rate)),
			time.Duration(median(each(c.rounds, late))).Round(10*time.Microsecond), time.Duration(median(each(c.rounds, cost))).Round(100*time.Nanosecond))
	}
}

// toldHeaders tell of somebody as the gate does, whoever asks: what comes with any
// gate that is no part of this one.
const toldHeaders = " {\n\theader_up Remote-User jdupont\n\theader_up Remote-Name \"Jeanne Dupont\"\n\theader_up Remote-Email jdupont@ac-exemple.fr\n\theader_up Remote-Groups enseignants\n}"

var oneKilobyte = []byte(strings.Repeat("The quick brown fox jumps over the lazy dog.....", 21) + "the end of it...")

func answerOneKilobyte(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = []string{"text/plain"}
	_, _ = w.Write(oneKilobyte)
}

// candidate is a server that is measured.
type candidate struct {
	name, cookie string
	s            *server
	rounds       []round
}

// round is what one round came to.
type round struct {
	answers int
	p99     time.Duration
	cpu     time.Duration // of the server's process
}

// inTurn measures a round of each. They change places many times in it, and who goes
// before whom changes too: what else a machine does lasts longer than a turn, and so
// falls on all of them.
func inTurn(t *testing.T, all []*candidate) {
	t.Helper()
	sums := make([]sample, len(all))
	for n := range loadTurns {
		for i := range all {
			i = (i + n) % len(all)
			s := all[i].ask(t, loadRound/loadTurns)
			sums[i].took, sums[i].cpu = append(sums[i].took, s.took...), sums[i].cpu+s.cpu
		}
	}
	for i, c := range all {
		c.rounds = append(c.rounds, sums[i].round())
	}
}

// measure asks the server for one round without a change.
func (c *candidate) measure(t *testing.T) round {
	t.Helper()
	return c.ask(t, loadRound).round()
}

// navigation is what Chromium says of itself when somebody follows a link.
const navigation = "Connection: keep-alive\r\n" +
	"sec-ch-ua: \"Chromium\";v=\"156\", \"Not)A;Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n" +
	"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: fr-FR,fr;q=0.9,en;q=0.8\r\n"

// sample is how long each answer of a server took, and what they cost its process.
type sample struct {
	took []time.Duration
	cpu  time.Duration
}

func (s sample) round() round {
	slices.Sort(s.took)
	return round{answers: len(s.took), p99: s.took[len(s.took)*99/100], cpu: s.cpu}
}

// ask asks the server over all connections for that long.
func (c *candidate) ask(t *testing.T, long time.Duration) sample {
	t.Helper()
	request := "GET /page HTTP/1.1\r\nHost: notes.localhost:" + c.s.port + "\r\n" + navigation + c.cookie + "\r\n"
	before, end := c.s.cpu(), time.Now().Add(long)
	times := make([][]time.Duration, loadConnections)
	errs := make([]error, loadConnections)
	var all sync.WaitGroup
	for i := range loadConnections {
		all.Go(func() { times[i], errs[i] = askUntil("127.0.0.1:"+c.s.port, request, end) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	return sample{slices.Concat(times...), c.s.cpu() - before}
}

// profile writes what the server's processor does in a further round, for go tool
// pprof, into the directory that SESAME_PROFILES names.
func (c *candidate) profile(t *testing.T) {
	t.Helper()
	dir := os.Getenv("SESAME_PROFILES")
	if dir == "" {
		return
	}
	done := make(chan error, 1)
	go func() {
		resp, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", c.s.admin, loadRound.Seconds()))
		if err != nil {
			done <- err
			return
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		done <- errors.Join(err, os.WriteFile(filepath.Join(dir, strings.ReplaceAll(c.name, " ", "-")+".pprof"), b, 0o600))
	}()
	c.measure(t)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// askUntil asks over one connection until the end, and returns how long each answer
// took.
func askUntil(address, request string, end time.Time) (took []time.Duration, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	from := bufio.NewReader(conn)
	for began := time.Now(); began.Before(end); {
		if _, err := io.WriteString(conn, request); err != nil {
			return nil, err
		}
		resp, err := http.ReadResponse(from, nil)
		if err != nil {
			return nil, err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || n != int64(len(oneKilobyte)) {
			return nil, fmt.Errorf("the answer is %s of %d bytes, %w", resp.Status, n, err)
		}
		now := time.Now()
		took, began = append(took, now.Sub(began)), now
	}
	return took, nil
}

// cpu is the processor time that the server has taken, in user and system, to
// 10 ms (proc(5), fields 14 and 15 of stat).
func (s *server) cpu() time.Duration {
	s.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, behind, _ := strings.Cut(string(stat), ") ") // the name may hold spaces
	var ticks int
	for _, field := range strings.Fields(behind)[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			s.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func each(rounds []round, of func(round) float64) (all []float64) {
	for _, r := range rounds {
		all = append(all, of(r))
	}
	return all
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
