package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// benchKeys is a supplier's file of the keys from one number to another, made
// while it is read.
type benchKeys struct {
	next, to int
	rest     []byte
}

func (f *benchKeys) Read(p []byte) (int, error) {
	for len(f.rest) < len(p) && f.next < f.to {
		f.rest = fmt.Appendf(f.rest, "%s,%040x,totp,6,60\n", benchSerial(f.next), f.next+1)
		f.next++
	}
	n := copy(p, f.rest)
	f.rest = f.rest[:copy(f.rest, f.rest[n:])]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func benchSerial(n int) string { return fmt.Sprintf("26002157%06d", n) }

// newBadgerAPI is the admin API over a store on disk.
func newBadgerAPI(b *testing.B) *http.ServeMux {
	b.Helper()
	secrets, err := authcore.NewSecrets()
	if err != nil {
		b.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	s, err := badgerstore.Open(b.TempDir(), badgerstore.Options{Logger: quiet, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	g, err := authcore.New(b.Context(), authcore.Config{Store: s, Secrets: secrets, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	mux := http.NewServeMux()
	serveAdmin(mux, adminAPI{active: func() (*authcore.Gate, *App, error) { return g, nil, nil }})
	return mux
}

// benchAsk sends a request, which must succeed.
func benchAsk(b *testing.B, mux *http.ServeMux, method, target string, body io.Reader) *adminAnswer {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, "http://localhost"+target, body)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/csv")
	a := &adminAnswer{header: make(http.Header)}
	if mux.ServeHTTP(a, r); a.status != http.StatusOK {
		b.Fatalf("%s: %d %s", target, a.status, &a.body)
	}
	return a
}

// findTime is the time that one key takes to be found by its serial, the median of
// many over all there are.
func findTime(b *testing.B, mux *http.ServeMux, keys int) time.Duration {
	b.Helper()
	const finds = 2001
	times := make([]time.Duration, finds)
	for i := range times {
		serial := benchSerial(i * 7919 % keys)
		began := time.Now()
		a := benchAsk(b, mux, http.MethodGet, "/sesame/keys/"+serial, nil)
		times[i] = time.Since(began)
		if !strings.Contains(a.body.String(), serial) {
			b.Fatalf("found %s", &a.body)
		}
	}
	slices.Sort(times)
	return times[finds/2]
}

// listAll reads all keys in pages and returns how many there are.
func listAll(b *testing.B, mux *http.ServeMux) (keys int) {
	b.Helper()
	for next := "/sesame/keys"; next != ""; {
		a := benchAsk(b, mux, http.MethodGet, next, nil)
		var page keyList
		if err := json.Unmarshal(a.body.Bytes(), &page); err != nil {
			b.Fatal(err)
		}
		keys, next = keys+len(page.Keys), ""
		if m := nextForm.FindStringSubmatch(a.header.Get("Link")); m != nil {
			next = m[1] + "?" + m[2]
		}
	}
	return keys
}

// resident is a figure of the kernel about this process's memory, in MiB: VmRSS
// is what it has, VmHWM the most that it had since forgetPeak. 0 where the
// kernel is not Linux.
func resident(b *testing.B, name string) float64 {
	b.Helper()
	status, _ := os.ReadFile("/proc/self/status")
	m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		return 0
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / 1024
}

// forgetPeak gives back what is not in use and sets VmHWM back to VmRSS
// (proc_pid_clear_refs(5)).
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// BenchmarkHundredThousandKeys imports 1,000 keys, finds some, imports 99,000 more
// in one file, lists all in pages and finds some again, on Badger and through
// the API's handlers.
func BenchmarkHundredThousandKeys(b *testing.B) {
	const few, many = 1000, 100_000
	for b.Loop() {
		mux := newBadgerAPI(b)
		benchAsk(b, mux, http.MethodPost, "/sesame/keys/import", &benchKeys{to: few})
		atFew := findTime(b, mux, few)

		forgetPeak()
		began := time.Now()
		benchAsk(b, mux, http.MethodPost, "/sesame/keys/import", &benchKeys{next: few, to: many})
		b.ReportMetric(time.Since(began).Seconds(), "s/import")
		b.ReportMetric(resident(b, "VmHWM"), "MiB-peak/import")

		forgetPeak()
		began = time.Now()
		if n := listAll(b, mux); n != many {
			b.Fatalf("%d keys are listed, want %d", n, many)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/list")
		b.ReportMetric(resident(b, "VmHWM"), "MiB-peak/list")

		atMany := findTime(b, mux, many)
		b.ReportMetric(float64(atFew.Nanoseconds())/1000, "µs/find-of-1k")
		b.ReportMetric(float64(atMany.Nanoseconds())/1000, "µs/find-of-100k")
		b.ReportMetric(float64(atMany)/float64(atFew), "ratio/find")
	}
}
