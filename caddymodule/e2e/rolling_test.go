package e2e

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// failover asks the gates of a pair in turn, and where one does not answer, or
// answers with a 5xx, once more the other: what balancers do.
type failover struct {
	transports [2]*http.Transport
	asked      atomic.Uint64
	again      *atomic.Int64 // counts those asked once more
}

// over is the same browser, cookies and all, behind a balancer.
func (b *browser) over(p *pair, again *atomic.Int64) *browser {
	client := *b.client
	client.Transport = &failover{transports: [2]*http.Transport{transportTo(p.a.host), transportTo(p.b.host)}, again: again}
	return &browser{b.t, &client}
}

func (f *failover) RoundTrip(req *http.Request) (*http.Response, error) {
	first := f.asked.Add(1) % 2
	resp, err := f.transports[first].RoundTrip(req)
	if err == nil && resp.StatusCode < 500 {
		return resp, nil
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	f.again.Add(1)
	once := req.Clone(req.Context())
	if req.GetBody != nil {
		if once.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	return f.transports[1-first].RoundTrip(once)
}

// TestRollingRestart restarts both gates one after the other, over and over, while
// people work in the application and others log in, through a balancer that asks the
// other gate once where one does not answer: nobody sees an error, everybody gets
// in, nobody is logged out.
func TestRollingRestart(t *testing.T) {
	useMovedBinary(t)
	c := etcdtest.Start(t, 3)
	p := newPair(t, etcdAt(c.URLs()), etcdAt(c.URLs()))
	holders := p.people(8)
	var again atomic.Int64
	l := newLoad(t)
	for _, h := range holders {
		b := h.over(p, &again)
		if err := b.working(p); err != nil {
			t.Fatal(err)
		}
		l.goes(func() (page, error) { return b.try(get(p.a.notes("/work"))) },
			func(got page) bool { return got.status == http.StatusOK && got.url.Path == "/work" })
	}
	restarts, entered := 0, 0
	for range rounds(t, 20, 1) {
		for _, s := range p.both() {
			p.later(3*time.Minute, 0)
			in := make([]*browser, len(holders))
			var work sync.WaitGroup
			work.Go(func() {
				atOnce(len(holders), 1, func(i int) { in[i] = holders[i].enters(p, &again) })
			})
			s.stop()
			s.start()
			work.Wait()
			restarts++
			for _, b := range in {
				if b == nil {
					continue // which was told
				}
				entered++
				for _, s := range p.both() {
					if err := b.known(s); err != nil {
						t.Errorf("a session of a login during a restart: %v", err)
					}
				}
			}
		}
	}
	close(l.done)
	l.Wait()
	t.Logf("%d restarts under load: %s; %d requests asked once more; %d logins", restarts, l, again.Load(), entered)
	if l.lost.Load() > 0 || again.Load() == 0 || l.served.Load() < 100 {
		t.Errorf("%d requests were not answered although they were asked once more; %d were; %d were answered: the first should be none, the others many",
			l.lost.Load(), again.Load(), l.served.Load())
	}
	for _, h := range holders {
		for _, s := range p.both() {
			if err := h.known(s); err != nil {
				t.Errorf("somebody was logged out: %v", err)
			}
		}
	}
	p.a.sesame("audit", "verify")
}

// working comes to the application for the first time: its ticket would not outlive
// a clock that is moved.
func (b *browser) working(p *pair) error {
	got, err := b.try(get(p.a.notes("/work")))
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("the application is answered with %d at %v", got.status, got.url)
	}
	return err
}

// enters logs in once more, from another browser, through a balancer.
func (h *holder) enters(p *pair, again *atomic.Int64) *browser {
	b := newBrowser(h.t).over(p, again)
	got, err := b.try(get(p.a.portal("/.sesame/login")))
	if err == nil && got.form != nil {
		got, err = b.try(b.request(got, "identifier", h.id, "passcode", p.passcode(h.id)))
	}
	if err != nil || got.status != http.StatusOK || got.url.Path != "/" {
		h.t.Errorf("a login during a restart: %d at %v, %v:\n%.300s", got.status, got.url, err, got.text)
		return nil
	}
	return b
}
