package authcore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store"
)

func newSecretsFor(t tb) *Secrets {
	t.Helper()
	s, err := NewSecrets()
	mustBeNil(t, err)
	return s
}

func rotated(t tb, s *Secrets) *Secrets {
	t.Helper()
	r, err := s.Rotated()
	mustBeNil(t, err)
	return r
}

// reread is secrets as a restart reads them from their file.
func reread(t tb, s *Secrets) *Secrets {
	t.Helper()
	file, err := s.Marshal()
	mustBeNil(t, err)
	r, err := ParseSecrets(file)
	mustBeNil(t, err)
	return r
}

// sealedUnder is the key that sealed a record: Tink writes its id behind our
// version byte and its own prefix.
func (b *bench) sealedUnder(name string) (id string) {
	b.t.Helper()
	b.must(b.store.View(b.t.Context(), func(r store.Reader) error {
		v, err := r.Get(name)
		if err == nil {
			id = fmt.Sprintf("%x", v[2:6])
		}
		return err
	}))
	return id
}

// Keys are changed without a pause: what was sealed under an earlier one is
// read, what is written from now on is under the new one.
func TestRotation(t *testing.T) {
	b := newBench(t)
	session := b.inService("jdupont", pin).Token
	cookie, err := b.Seal(b.Begin("/siecle"))
	mustBeNil(t, err)
	form, err := b.FormToken("a login")
	mustBeNil(t, err)
	record := keyName("0123456789")
	under, hash := b.sealedUnder(record), b.key1().PIN

	for range 3 {
		mustBeNil(t, b.UseSecrets(t.Context(), reread(t, rotated(t, b.secrets()))))
		if b.sealedUnder(record) != under {
			t.Error("changing the secrets rewrote a record")
		}
		if !b.opens(session, "", true) {
			t.Error("a session ended")
		}
		if c, err := b.Challenge(t.Context(), cookie); err != nil || c.Target != "/siecle" {
			t.Errorf("a login's cookie: %v", err)
		}
		if !b.CheckForm("a login", form) {
			t.Error("a form is refused")
		}
		if err := b.ImportKey(t.Context(), by, NewKey{Serial: "COPY-1", Generator: b.key}); !errors.Is(err, ErrSeedExists) {
			t.Errorf("importing a seed again: %v", err)
		}
		b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
		b.wait(1)
		if b.sealedUnder(record) == under {
			t.Error("a record written after the change is sealed under the earlier key")
		}
		under = b.sealedUnder(record)
		if b.key1().PIN != hash {
			t.Error("the PIN was hashed anew without being known")
		}
	}
	b.must(b.ClearPIN(t.Context(), by, "0123456789"))
	b.inService("jdupont", pin)
	if keyID(b.key1().PIN) == keyID(hash) {
		t.Error("a PIN defined after the change is under the earlier pepper")
	}
}

func keyID(h PINHash) string {
	_, rest, _ := strings.Cut(string(h), "keyid=")
	id, _, _ := strings.Cut(rest, "$")
	return id
}

// Secrets that cannot read the store are refused, and change nothing in it.
func TestWrongSecrets(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	first := b.secrets()
	newer := rotated(t, first)
	mustBeNil(t, b.UseSecrets(t.Context(), newer))
	tests := map[string]*Secrets{
		"other secrets":            newSecretsFor(t),
		"without the earlier keys": onlyPrimary(t, newer, "records"),
	}
	for name, wrong := range tests {
		t.Run(name, func(t *testing.T) {
			before := b.dump()
			if _, err := New(t.Context(), Config{Store: b.store, Secrets: wrong, Now: b.clock}); !errors.Is(err, ErrWrongSecret) {
				t.Errorf("starting: %v", err)
			}
			if err := b.UseSecrets(t.Context(), wrong); !errors.Is(err, ErrWrongSecret) {
				t.Errorf("changing: %v", err)
			}
			if b.dump() != before {
				t.Error("the store was changed")
			}
			if err := b.Health(t.Context()); err != nil {
				t.Errorf("the gate no longer works: %v", err)
			}
		})
	}
}

// onlyPrimary gives secrets whose keyset for one use has lost its earlier keys.
func onlyPrimary(t tb, s *Secrets, use string) *Secrets {
	t.Helper()
	handles := maps.Clone(s.handles)
	m := keyset.NewManagerFromHandle(handles[use])
	for i := range handles[use].Len() {
		e, err := handles[use].Entry(i)
		mustBeNil(t, err)
		if !e.IsPrimary() {
			mustBeNil(t, m.Delete(e.KeyID()))
		}
	}
	var err error
	handles[use], err = m.Handle()
	mustBeNil(t, err)
	lost, err := newSecrets(handles)
	mustBeNil(t, err)
	return lost
}

// A pepper that is lost is a fault to repair, not a wrong PIN: nothing is counted.
func TestLostPepper(t *testing.T) {
	b := newBench(t)
	b.inService("jdupont", pin)
	lost := onlyPrimary(t, rotated(t, b.secrets()), "peppers")
	mustBeNil(t, b.UseSecrets(t.Context(), lost))
	r, err := b.Answer(t.Context(), b.Begin(""), b.rightAnswer(AskPasscode), Source{})
	if err == nil || !strings.Contains(err.Error(), "pepper") || r.Token != "" {
		t.Fatalf("got %s, %v", r.Outcome, err)
	}
	if b.fresh() || b.key1().State != Active {
		t.Errorf("the code is fresh: %v, the key %s", b.fresh(), b.key1().State)
	}
	b.must(b.ClearPIN(t.Context(), by, "0123456789"))
	b.wait(1)
	b.inService("jdupont", "5083")
}

// Secrets change while logins run: none of them notices, neither those that
// write records of their own nor those that share one.
func TestSecretsChangeUnderLoad(t *testing.T) {
	b := newBench(t)
	wide := DefaultPolicy()
	wide.Small, wide.Medium, wide.Large = 10, 10, 10
	b.Gate = b.With(wide, b.log)
	people := []Identifier{"anna", "bela", "cleo"}
	for _, id := range people {
		serial := Serial(strings.ToUpper(string(id)))
		b.key = b.addKey(serial)
		b.addPerson(id, serial)
		b.inService(id, pin)
	}
	b.wait(30)
	var running sync.WaitGroup
	running.Go(func() {
		s := b.secrets()
		for range 20 {
			s = rotated(t, s)
			mustBeNil(t, b.UseSecrets(t.Context(), s))
		}
	})
	for _, id := range people {
		key := totpKey(Serial(strings.ToUpper(string(id))))
		running.Go(func() {
			from := b.from
			for n := otp.Step(-10); n < 10; n++ {
				from.Address = from.Address.Next()
				code := key.Code(key.StepAt(b.clock()) + n)
				for who, want := range map[Identifier]Outcome{id: Granted, "nobody.here": Denied} {
					r, err := b.Answer(t.Context(), b.Begin(""), PasscodeAnswer{who, typed(pin + code)}, from)
					if err != nil || r.Outcome != want {
						t.Errorf("%s: %s, %v; want %s", who, r.Outcome, err, want)
					}
				}
			}
		})
	}
	running.Wait()
}

// The secrets change while a PIN is being judged, and what the login is about is
// written anew under them before the verdict.
func TestSecretsChangeWhileJudging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.inService("jdupont", pin)
		b.addKey("SECOND-1")
		release := b.holdHashes()
		reply := make(chan Reply)
		go func() { reply <- b.login("jdupont", pin+b.shows(0)) }()
		synctest.Wait()
		mustBeNil(t, b.UseSecrets(t.Context(), rotated(t, b.secrets())))
		b.must(b.AssignKey(t.Context(), by, "SECOND-1", "jdupont"))
		release()
		r := b.want(<-reply, Granted, Done)
		if !b.opens(r.Token, "", true) {
			t.Error("the session does not open")
		}
	})
}

// A secret file is what was written, or it is refused without showing any of it.
func TestSecretFile(t *testing.T) {
	s := newSecretsFor(t)
	file, err := s.Marshal()
	mustBeNil(t, err)
	again, err := reread(t, s).Marshal()
	mustBeNil(t, err)
	if !bytes.Equal(file, again) {
		t.Error("a secret file read and written again differs")
	}
	var content map[string]any
	mustBeNil(t, json.Unmarshal(file, &content))
	damage := map[string]func(map[string]any){
		"another version": func(c map[string]any) { c["sesame_secret"] = 2 },
		"no version":      func(c map[string]any) { delete(c, "sesame_secret") },
		"no keysets":      func(c map[string]any) { delete(c, "keysets") },
		"a keyset missing": func(c map[string]any) {
			delete(c["keysets"].(map[string]any), "peppers")
		},
		"a keyset without keys": func(c map[string]any) { c["keysets"].(map[string]any)["records"] = map[string]any{} },
		"keysets in each other's place": func(c map[string]any) {
			k := c["keysets"].(map[string]any)
			k["records"], k["derives"] = k["derives"], k["records"]
		},
	}
	files := map[string][]byte{"empty": nil, "half": file[:len(file)/2], "no JSON": []byte("secret"), "a list": []byte("[]")}
	for name, d := range damage {
		var c map[string]any
		mustBeNil(t, json.Unmarshal(file, &c))
		d(c)
		files[name], err = json.Marshal(c)
		mustBeNil(t, err)
	}
	for name, bad := range files {
		parsed, err := ParseSecrets(bad)
		if err == nil || parsed != nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if got := shows(err.Error(), keysOf(t, file)...); got != "" || !strings.Contains(err.Error(), "secret file") {
			t.Errorf("%s: the error shows a key (%q), or says not what to do: %v", name, got, err)
		}
	}
}

// A gate whose secrets were rotated while it runs says where its store was moved
// to, although that is written under the later ones.
func TestMovedAfterARotation(t *testing.T) {
	b := newBench(t)
	b.must(b.UseSecrets(t.Context(), rotated(t, b.secrets())))
	_, err := b.copyTo(store.NewMemory(b.clock), false)
	b.must(err)
	if err := b.Health(t.Context()); !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), "to the second place") {
		t.Errorf("the store that was moved answers %v", err)
	}
}
