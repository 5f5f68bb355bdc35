package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// atPIN adds so many people, and takes each to the page that asks for their PIN: what
// hashes a PIN stands behind a good code alone.
func (s *server) atPIN(t *testing.T, many int) (pages []page, browsers []*browser) {
	t.Helper()
	pages, browsers = make([]page, many), make([]*browser, many)
	ids := s.people(many)
	atOnce(many, 4, func(i int) {
		b, key := newBrowser(t), s.keys[ids[i]]
		p, err := b.try(get(s.portal("/.sesame/login")))
		if err == nil {
			step := key.StepAt(timeNow())
			for strings.Contains(key.Code(step), pin) { // for which the PIN would be refused
				step--
			}
			p, err = b.try(b.request(p, "identifier", ids[i], "passcode", key.Code(step)))
		}
		if err != nil || p.url.Path != "/.sesame/pin" {
			t.Errorf("%s is at %v, %v", ids[i], p.url, err)
		}
		pages[i], browsers[i] = p, b
	})
	if t.Failed() {
		t.FailNow()
	}
	return pages, browsers
}

// TestHoldersAllAtOnce: a hundred and fifty holders of keys, whom alone a PIN is hashed
// for, send theirs at one instant. Two are hashed at a time, in 12 MiB each, and
// sixty-four wait; who is over is told when to come again.
func TestHoldersAllAtOnce(t *testing.T) {
	s := newServer(t)
	const many = 150
	pages, browsers := s.atPIN(t, many)
	before := s.watchMemory()
	var taken, later atomic.Int64
	atOnce(many, many, func(i int) {
		p, err := browsers[i].try(browsers[i].request(pages[i], "pin", pin, "pin_again", pin))
		switch {
		case err != nil:
			t.Error(err)
		case p.status == http.StatusOK && p.url.Path == "/.sesame/synchronise":
			taken.Add(1)
		case p.status == http.StatusServiceUnavailable && p.header.Get("Retry-After") != "":
			later.Add(1)
		default:
			t.Errorf("%d at %v is neither yes nor later", p.status, p.url)
		}
	})
	_, most := s.memory()
	t.Logf("%d were taken, %d answers said later; %d MiB before, %d at most", taken.Load(), later.Load(), before, most)
	if taken.Load() < 64 {
		t.Errorf("%d of %d were taken, fewer than may wait", taken.Load(), many)
	}
	// The collector lets the blocks of some ten hashes pile up before it looks: it runs
	// when the heap has doubled, and later on a machine with much else to do. Those of
	// all who may wait at once would be 792 MiB, those of everybody 1,800.
	if most-before > 384 {
		t.Errorf("the memory grew from %d to %d MiB", before, most)
	}
	if p := newBrowser(t).open(s.portal("/.sesame/login")); p.status != http.StatusOK {
		t.Errorf("then the login's page: %d", p.status)
	}
}
