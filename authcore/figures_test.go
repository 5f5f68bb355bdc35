//go:build load

package authcore

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// TestFigures tells how the cost of a session and of a login grows with how many
// there are, on Badger: make bench reads the lines that begin with "figure". It
// counts the processor's time, not the clock's, but where it says so. Nothing is
// asserted of time.
func TestFigures(t *testing.T) {
	const rounds, many, most = 9, 100_000, 1_000_000
	small, large := newFigures(t), newFigures(t)
	large.keys(many)
	large.sessions(many)
	large.start()
	large.sessions(most)

	var growth, reading, refusals, logins []float64
	for range rounds {
		growth = append(growth, large.standing(1)/small.standing(1))
		reading = append(reading, large.standing(most)/large.standing(many))
		refusals = append(refusals, large.refused()/small.refused())
		logins = append(logins, small.beside())
	}
	t.Logf("figure %q %.2f", "session in use: processor, ratio of 1,000,000 sessions to 1", middle(growth))
	t.Logf("figure %q %.2f", "session read from the store: processor, ratio of 1,000,000 sessions to 100,000", middle(reading))
	t.Logf("figure %q %.2f", "code refused: processor, ratio of 100,000 keys to 1", middle(refusals))
	t.Logf("figure %q %.3f", "login but its PIN's hash: processor, ratio to the hash", middle(logins))
	large.memory()
}

// figures is a bench on Badger.
type figures struct {
	*bench
	dir   string
	token Token // of a session
}

func newFigures(t *testing.T) *figures {
	t.Helper()
	f := &figures{dir: filepath.Join(t.TempDir(), "store")}
	f.bench = newBenchOn(t, func(store.Store) store.Store { return f.opened(t) })
	t.Cleanup(func() { mustBeNil(t, f.store.Close()) })
	f.token = f.inService("jdupont", pin).Token
	return f
}

func (f *figures) opened(t tb) store.Store {
	t.Helper()
	clock := func() time.Time { return benchStart } // until there is the bench's
	if f.bench != nil {
		clock = f.clock
	}
	s, err := badgerstore.Open(f.dir, badgerstore.Options{Logger: slog.New(slog.DiscardHandler), Now: clock})
	mustBeNil(t, err)
	return s
}

// fill writes n records, and tells what each takes on disk.
func (f *figures) fill(what string, n int, put func(w store.Writer, i int) error) {
	f.t.Helper()
	const at = 50
	for first := 0; first < n; first += at {
		f.must(f.store.Update(f.t.Context(), func(w store.Writer) error {
			for i := first; i < min(first+at, n); i++ {
				if err := put(w, i); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// keys adds keys to the stock, alike but for the serial number.
func (f *figures) keys(n int) {
	k := f.key1()
	k.Holder = ""
	f.fill("key", n, func(w store.Writer, i int) error {
		k.Serial = Serial(fmt.Sprintf("8%09d", i))
		return write(f.secrets(), w, keyName(k.Serial), keyRecord(k), time.Time{})
	})
}

func manyToken(i int) Token { return Token(fmt.Sprintf("%0*d", tokenLength, i)) }

// sessions adds sessions of the one person, alike but for the token.
func (f *figures) sessions(n int) {
	var s Session
	f.must(f.store.View(f.t.Context(), func(r store.Reader) (err error) {
		s, err = sessionOf(f.secrets(), r, f.token.id())
		return err
	}))
	f.fill("session", n, func(w store.Writer, i int) error {
		s.ID = manyToken(i).id()
		return write(f.secrets(), w, sessionName(s.ID), sessionRecord(s), s.End)
	})
}

// start tells how long the store takes to open, with the gate that checks it
// against its anchor: the clock's time.
func (f *figures) start() {
	f.t.Helper()
	anchor := f.anchor()
	secrets := f.secrets()
	var cold []float64
	for range 5 {
		f.must(f.store.Close())
		began := time.Now()
		f.store = f.opened(f.t)
		_, err := New(f.t.Context(), Config{Store: f.store, Secrets: secrets, Now: f.clock, Anchor: func() (*Anchor, error) { return &anchor, nil }})
		cold = append(cold, time.Since(began).Seconds())
		f.must(err)
	}
	gate, err := New(f.t.Context(), Config{Store: f.store, Secrets: secrets, Now: f.clock})
	f.must(err)
	gate.shared.pins.cost = cheapPIN
	f.Gate = gate
	tell(f.t, "start with 100,000 keys and 100,000 sessions: seconds", "%.2f", middle(cold))
}

// standing is what it costs to find a session: the same one where n is 1, else
// one after the other of n.
func (f *figures) standing(n int) float64 {
	f.t.Helper()
	const times = 20_000
	return f.cost(times, func(i int) error {
		token := f.token
		if n > 1 {
			token = manyToken(i * 48_271 % n)
		}
		_, err := f.Standing(f.t.Context(), token, "", false)
		return err
	})
}

// refused is what a PASSCODE costs that is not one.
func (f *figures) refused() float64 {
	f.t.Helper()
	return f.cost(200, func(int) error {
		f.elsewhere()
		r := f.login("nobody", "000000")
		if r.Outcome != Denied {
			return fmt.Errorf("it was %s", r.Outcome)
		}
		return nil
	})
}

// beside is what a login costs beside its PIN's hash, as a part of that.
func (f *figures) beside() float64 {
	f.t.Helper()
	whole := f.cost(50, func(int) error {
		f.elsewhere()
		f.wait(1)
		r := f.login("jdupont", pin+f.shows(0))
		if r.Outcome != Granted {
			return fmt.Errorf("it was %s", r.Outcome)
		}
		f.token = r.Token
		return nil
	})
	cheap := f.cost(50, f.hashing(f.shared.pins))
	dear := f.cost(50, f.hashing(newPINJudge(2, 64)))
	return (whole - cheap) / dear
}

// hashing hashes a PIN.
func (f *figures) hashing(j *pinJudge) func(int) error {
	return func(int) error {
		_, err := j.hash(f.t.Context(), f.secrets(), PIN{pin})
		return err
	}
}

// memory tells what a session in use takes in memory, and one at rest on disk.
func (f *figures) memory() {
	f.t.Helper()
	before := heap()
	fresh := followStandings(f.store)
	f.shared.standings = fresh
	for i := range maxStandings / 2 {
		_, err := f.Standing(f.t.Context(), manyToken(i), "", false)
		f.must(err)
	}
	tell(f.t, "session in use: bytes of memory", "%.0f", float64(heap()-before)/(maxStandings/2))
	runtime.KeepAlive(fresh)
	tell(f.t, "1,000,000 sessions and 100,000 keys: MiB on disk", "%.0f", float64(f.disk())/(1<<20))
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// disk is what the store's files take, in bytes.
func (f *figures) disk() (n int64) {
	f.t.Helper()
	files, err := os.ReadDir(f.dir)
	f.must(err)
	for _, file := range files {
		var s syscall.Stat_t
		f.must(syscall.Stat(filepath.Join(f.dir, file.Name()), &s))
		n += s.Blocks * 512
	}
	return n
}

// cost is the processor's time of one of so many, in nanoseconds.
func (f *figures) cost(times int, do func(i int) error) float64 {
	f.t.Helper()
	before := f.processor()
	for i := range times {
		f.must(do(i))
	}
	return float64(f.processor()-before) / float64(times)
}

// processor is the time that this process has spent on processors (getrusage(2)).
func (f *figures) processor() time.Duration {
	var u syscall.Rusage
	f.must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func tell(t tb, name, format string, value float64) {
	t.(*testing.T).Logf("figure %q "+format, name, value)
}

// middle is the median.
func middle(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
