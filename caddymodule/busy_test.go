package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// TestManyChooseTheirPINAtOnce: more people than there is room for send the form
// with their new PIN at once. Who is told to try again sends the same form again,
// and goes on.
func TestManyChooseTheirPINAtOnce(t *testing.T) {
	s := startGate(t, "", "")
	const people = 150
	var forms []func() (*http.Response, error)
	for i := range people {
		id := fmt.Sprintf("p%d", i)
		s.teacher(authcore.Identifier(id))
		g := s.seeds[id]
		code := g.Code(g.StepAt(now()))
		if strings.Contains(code, testPIN) { // for which the PIN would be refused
			continue
		}
		b := newBrowser(t)
		a := b.submit(b.open(s.at("portail", ui.PathLogin)), "identifier", id, "passcode", code)
		if a.url().Path != ui.PathPIN {
			t.Fatalf("%s is at %s with %s", id, a.url(), a.Status)
		}
		forms = append(forms, func() (*http.Response, error) {
			return b.client.Do(b.post(a, "pin", testPIN, "pin_again", testPIN))
		})
	}
	var busy atomic.Int64
	var work sync.WaitGroup
	until := time.Now().Add(2 * time.Minute)
	for _, send := range forms {
		work.Go(func() {
			for time.Now().Before(until) {
				a, err := send()
				if err != nil {
					t.Error(err)
					return
				}
				a.Body.Close()
				if a.StatusCode != http.StatusServiceUnavailable {
					if a.StatusCode != http.StatusOK || a.Request.URL.Path != ui.PathSynchronise {
						t.Errorf("%s at %s", a.Status, a.Request.URL)
					}
					return
				}
				busy.Add(1)
			}
			t.Error("there is no room for two minutes")
		})
	}
	work.Wait()
	if busy.Load() == 0 {
		t.Error("nobody was told to try again: the test shows nothing")
	}
}
