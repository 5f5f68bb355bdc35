//go:build load

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// How a flood is measured: guesses at one name from a thousand addresses come at a
// fixed pace, however fast they are answered, so that what they cost is the server's
// and not that of a generator that sends what it can.
const (
	floodConnections = 8
	floodPace        = 167 // a second, in all: 10,000 within the minute that a code lives
)

// flood sends guesses over some connections until the end, each in its turn of the
// pace, and counts the answers by status.
func (s *server) flood(t *testing.T, head, body string, from *atomic.Int64, end time.Time, counts *[1000]atomic.Int64) (attempts int64) {
	t.Helper()
	var all sync.WaitGroup
	var sent atomic.Int64
	for range floodConnections {
		all.Go(func() {
			conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			turn := time.NewTicker(time.Second * floodConnections / floodPace)
			defer turn.Stop()
			for now := range turn.C {
				if !now.Before(end) {
					return
				}
				i := from.Add(1)
				if _, err := fmt.Fprintf(conn, "%sX-Forwarded-For: 198.%d.%d.7\r\n\r\n%s%06d", head, 18+i%1000/250, i%250, body, i); err != nil {
					t.Error(err)
					return
				}
				resp, err := http.ReadResponse(answers, nil)
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
				}
				if err != nil {
					t.Error(err)
					return
				}
				counts[resp.StatusCode].Add(1)
				sent.Add(1)
			}
		})
	}
	all.Wait()
	return sent.Load()
}

// TestLoadUnderFlood measures what a flood on the login's form leaves of the rate of
// protected requests in session: rounds with it and without take turns. Of the two
// processors the generator takes its part as well.
func TestLoadUnderFlood(t *testing.T) {
	s := newServerWith(t, func(s *server) string { return behindProxy(s.caddyfile()) })
	s.app.Config.Handler = http.HandlerFunc(answerOneKilobyte)
	s.person("jdupont", "--group", "enseignants")
	h := s.holder(t, "jdupont")
	h.firstLogin(h.open(s.notes("/")))
	cookies := func(b *browser, address string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, c := range b.client.Jar.Cookies(u) {
			all = append(all, c.Name+"="+c.Value)
		}
		return "Cookie: " + strings.Join(all, "; ") + "\r\n"
	}
	quiet := &candidate{name: "in session", s: s, cookie: cookies(h.browser, s.notes("/"))}

	attacker := newBrowser(t)
	form := attacker.request(attacker.open(s.portal("/.sesame/login")), "identifier", "jdupont", "passcode", "")
	content, err := io.ReadAll(form.Body)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := url.ParseQuery(string(content))
	if err != nil {
		t.Fatal(err)
	}
	fields.Del("passcode")
	body := fields.Encode() + "&passcode=0000"
	head := fmt.Sprintf("POST /.sesame/login HTTP/1.1\r\nHost: portail.localhost:%s\r\nUser-Agent: flood\r\nAccept: text/html\r\nOrigin: %s\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n%s",
		s.port, s.portal(""), len(body)+6, cookies(attacker, s.portal("/")))

	var ratios, costs []float64
	var from atomic.Int64
	for n := range loadRounds {
		without := quiet.measure(t)
		var counts [1000]atomic.Int64
		var attempts int64
		var flood sync.WaitGroup
		end := time.Now().Add(loadRound)
		flood.Go(func() { attempts = s.flood(t, head, body, &from, end, &counts) })
		with := quiet.measure(t)
		flood.Wait()
		each := float64(without.cpu) / float64(without.answers)
		cost := (float64(with.cpu) - each*float64(with.answers)) / float64(max(1, attempts))
		ratio := float64(with.answers) / float64(without.answers)
		ratios, costs = append(ratios, ratio), append(costs, cost)
		t.Logf("round %d: %.0f/s without, %.0f/s with %d attempts (%d looked at, %d told to wait, %d later): ratio %.3f, p99 %s and %s, %s of processor an attempt", n+1,
			float64(without.answers)/loadRound.Seconds(), float64(with.answers)/loadRound.Seconds(), attempts, counts[403].Load(), counts[429].Load(), counts[503].Load(),
			ratio, without.p99.Round(10*time.Microsecond), with.p99.Round(10*time.Microsecond), time.Duration(cost).Round(time.Microsecond))
	}
	name := fmt.Sprintf("requests in session during %d attempts a second from 1,000 addresses: ", floodPace)
	t.Logf("figure %q %.3f", name+"rate, ratio", median(ratios))
	t.Logf("figure %q %.0f", name+"processor of an attempt, µs", median(costs)/1000)
}
