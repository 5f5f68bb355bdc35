package authcore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
)

func cheapJudge(running, waiting int) *pinJudge {
	j := newPINJudge(running, waiting)
	j.cost = cheapPIN
	return j
}

// A PIN's hash is argon2id in its PHC form, salted and peppered: the same PIN
// gives another hash each time, and none without its pepper.
func TestPINHash(t *testing.T) {
	s, others, j := newSecretsFor(t), newSecretsFor(t), cheapJudge(2, 64)
	ctx := t.Context()
	first, err := j.hash(ctx, s, PIN{pin})
	mustBeNil(t, err)
	second, err := j.hash(ctx, s, PIN{pin})
	mustBeNil(t, err)
	form := regexp.MustCompile(`^\$argon2id\$v=19\$m=8,t=1,p=1,keyid=[0-9]+\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)
	if first == second || !form.MatchString(string(first)) {
		t.Errorf("the form of a hash is not as it should be, or two are equal: %v", first == second)
	}
	for typed, want := range map[string]bool{pin: true, "7295": false, "": false, "72940": false, "729": false, "07294": false} {
		if ok, err := j.matches(ctx, s, first, PIN{typed}); ok != want || err != nil {
			t.Errorf("a PIN of %d digits: %v, %v; want %v", len(typed), ok, err, want)
		}
	}
	if ok, err := j.matches(ctx, others, first, PIN{pin}); ok || err == nil {
		t.Errorf("under other secrets: %v, %v", ok, err)
	}
	if c := newPINJudge(2, 64).cost; c != (pinCost{memory: 12288, time: 3, threads: 1}) {
		t.Errorf("a PIN costs %+v", c)
	}
}

// A hash that is damaged, or that would cost more than we ever asked for, is a
// fault and never a match.
func TestDamagedPINHash(t *testing.T) {
	s, j := newSecretsFor(t), cheapJudge(2, 64)
	good, err := j.hash(t.Context(), s, PIN{pin})
	mustBeNil(t, err)
	replace := func(old, new string) string { return strings.Replace(string(good), old, new, 1) }
	hashes := []string{
		"", "7294", "$2a$10$N9qo8uLOickgx2ZMRZoMye", replace("argon2id", "argon2i"), replace("v=19", "v=16"),
		replace("m=8", "m=65537"), replace("t=1", "t=11"), replace("t=1", "t=0"), replace("p=1", "p=0"), replace("p=1", "p=256"), replace("m=8", "m=-1"),
		string(good[:len(good)-1]), string(good[:len(good)/2]), replace("keyid=", "keyid=x"), string(good) + "A", strings.Repeat("$", 100),
		fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1,keyid=%d$AAAA$%s", s.peppers.PrimaryID, string(good)[strings.LastIndex(string(good), "$")+1:]),
	}
	for _, h := range hashes {
		if ok, err := j.matches(t.Context(), s, PINHash(h), PIN{pin}); ok || err == nil || strings.Contains(err.Error(), "argon2") {
			t.Errorf("%.40q: %v, %v", h, ok, err)
		}
	}
}

// Where there are processors for it two run at once; one is left to others.
func TestPINsRunning(t *testing.T) {
	for processors, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 2, 64: 2} {
		if n := pinsRunning(processors); n != want {
			t.Errorf("%d at once on %d processors, want %d", n, processors, want)
		}
	}
}

// Two run, sixty-four wait, one more is told to come back; and who waited gets
// its turn.
func TestPINQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.shared.pins = cheapJudge(2, pinsWaiting)
		j, s := b.shared.pins, b.secrets()
		if cap(j.running) != 2 || cap(j.waiting) != 66 {
			t.Fatalf("%d may run, %d may be in the room", cap(j.running), cap(j.waiting))
		}
		h := b.hashOf(pin)
		release := b.holdHashes()
		results := make(chan bool)
		for range cap(j.waiting) {
			go func() {
				ok, err := j.matches(t.Context(), s, h, PIN{pin})
				results <- ok && err == nil
			}()
		}
		synctest.Wait()
		if _, err := j.matches(t.Context(), s, h, PIN{pin}); !errors.Is(err, ErrBusy) {
			t.Errorf("one too many: %v", err)
		}
		if _, err := j.hash(t.Context(), s, PIN{pin}); !errors.Is(err, ErrBusy) {
			t.Errorf("one too many, to define: %v", err)
		}
		release()
		for range cap(j.waiting) {
			if !<-results {
				t.Error("one that waited did not get its turn")
			}
		}
		if len(j.waiting) != 0 || len(j.running) != 0 {
			t.Errorf("%d places and %d turns are still taken", len(j.waiting), len(j.running))
		}
	})
}

// Who leaves while waiting gives the place back at once.
func TestPINQueueIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, s := cheapJudge(1, 1), newSecretsFor(t)
		j.running <- struct{}{}
		ctx, leave := context.WithCancel(t.Context())
		errs := make(chan error)
		for range 2 {
			go func() {
				_, err := j.hash(ctx, s, PIN{pin})
				errs <- err
			}()
		}
		synctest.Wait()
		leave()
		for range 2 {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		if len(j.waiting) != 0 {
			t.Errorf("%d places are still taken", len(j.waiting))
		}
	})
}

// BenchmarkPIN is what a login costs beside its transactions.
func BenchmarkPIN(b *testing.B) {
	s, j := newSecretsFor(b), newPINJudge(2, 64)
	h, err := j.hash(b.Context(), s, PIN{pin})
	mustBeNil(b, err)
	for b.Loop() {
		if ok, err := j.matches(b.Context(), s, h, PIN{pin}); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
