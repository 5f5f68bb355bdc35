package authcore

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// FuzzParseSecrets: what is read of a secret file can be written and read again, and
// no error repeats what stood in it.
func FuzzParseSecrets(f *testing.F) {
	file, err := os.ReadFile("testdata/backup/v1.secret")
	mustBeNil(f, err)
	for _, seed := range [][]byte{file, file[:len(file)/2], []byte(`{"version":1,"keysets":{}}`), []byte(`{"version":2}`), []byte(`{"version":1,"keysets":{"seeds":null}}`), []byte(strings.Replace(string(file), "ENABLED", "DISABLED", 1)), []byte("[]"), {}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := ParseSecrets(content)
		if err != nil {
			if len(content) > 40 && strings.Contains(err.Error(), string(content[:40])) {
				t.Errorf("the error repeats the file: %v", err)
			}
			return
		}
		written, err := s.Marshal()
		mustBeNil(t, err)
		if _, err := ParseSecrets(written); err != nil {
			t.Errorf("read, written, and not read again: %v", err)
		}
	})
}

// FuzzParseAnchor: of all texts, those that the secrets have signed are anchors, and
// say what was signed.
func FuzzParseAnchor(f *testing.F) {
	file, err := os.ReadFile("testdata/backup/v1.secret")
	mustBeNil(f, err)
	s, err := ParseSecrets(file)
	mustBeNil(f, err)
	a := Anchor{Store: "a store", Epoch: 3, Version: 70, Time: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), Keys: 12}
	a.MAC = s.derive(anchorPurpose, a.canonical())
	good, err := json.Marshal(a)
	mustBeNil(f, err)
	for _, seed := range []string{string(good), strings.Replace(string(good), "70", "71", 1), strings.Replace(string(good), "12", "1", 1), "{}", "null", "[", `{"time":"x"}`, string(good[:40])} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := s.ParseAnchor(text)
		if err == nil && read.canonical() != a.canonical() {
			t.Errorf("%s is taken for an anchor, which says %s", text, read.canonical())
		}
	})
}

// FuzzParsePHC: parameters of a PIN's hash that are accepted cost no more than was
// ever asked for.
func FuzzParsePHC(f *testing.F) {
	for _, seed := range []string{"$argon2id$v=19$m=12288,t=3,p=1,keyid=7$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g", "$argon2id$v=19$m=4294967295,t=3,p=1,keyid=7$c2FsdHNhbHQ$aA", "$argon2id$v=19$m=8,t=0,p=0,keyid=0$$", "", "$argon2id$v=19$m=-1,t=1,p=300,keyid=1$a$b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePHC(PINHash(text))
		if err == nil && (p.cost.memory > 64*1024 || p.cost.time > 10 || p.cost.time == 0 || p.cost.threads == 0 || len(p.sum) != argonSum) {
			t.Errorf("%q is accepted: %+v", text, p.cost)
		}
	})
}

// FuzzTyped: what people type is read as what stands there, or refused with an error
// that does not repeat a secret.
func FuzzTyped(f *testing.F) {
	for _, seed := range []string{"", "7294", "72 94", "1234-5678", "０１２３４", "FT1000123456", "Clé de bureau", "a\x00b", "\u202e4927", strings.Repeat("1", 200), "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		digits := func(what, read string, err error) {
			if err == nil && strings.Trim(read, "0123456789") != "" {
				t.Errorf("%s %q holds %q", what, typed, read)
			}
			if err != nil && len(typed) >= 6 && strings.Trim(typed, "0123456789") == "" && strings.Contains(err.Error(), typed) {
				t.Errorf("the error repeats the %s: %v", what, err)
			}
		}
		pin, err := ParsePIN(typed)
		digits("PIN", pin.digits, err)
		activation, err := ParseActivation(typed)
		digits("activation code", activation.digits, err)
		if serial, err := ParseSerial(typed); err == nil {
			if again, err := ParseSerial(string(serial)); err != nil || again != serial {
				t.Errorf("the serial number %q is %q, which is %q (%v)", typed, serial, again, err)
			}
		}
		if name, err := ParsePasskeyName(typed); err == nil {
			if again, err := ParsePasskeyName(name); err != nil || again != name {
				t.Errorf("the name %q is %q, which is %q (%v)", typed, name, again, err)
			}
		}
	})
}

// FuzzSealedTokens: what a browser gives back as something that the gate sealed opens
// nothing, unless the gate sealed it.
func FuzzSealedTokens(f *testing.F) {
	b := newBench(f)
	c := b.Begin("https://notes.example.org/")
	cookie, err := b.Seal(c)
	mustBeNil(f, err)
	for _, seed := range []string{cookie, cookie[:len(cookie)-1], cookie + "A", strings.ToLower(cookie), "", "AAAA", strings.Repeat("A", 5000), "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		read, err := b.Challenge(t.Context(), text)
		if err == nil && (text != cookie || read.ID != c.ID) || err != nil && !errors.Is(err, ErrNoChallenge) {
			t.Errorf("%q is the login %q (%v)", text, read.ID, err)
		}
		if b.CheckForm(c.ID, text) {
			t.Errorf("%q is taken for the token of a form", text)
		}
		if _, _, err := b.Redeem(t.Context(), text, "notes.example.org", text, Source{}); err == nil {
			t.Errorf("%q is taken for a ticket", text)
		}
		if _, _, err := b.Session(t.Context(), Token(text), "", false); !errors.Is(err, ErrNoSession) {
			t.Errorf("%q as a session: %v", text, err)
		}
	})
}
