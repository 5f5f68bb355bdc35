package authcore

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/fredu"
)

const (
	issuer   = "https://portail.example.org"
	audience = "https://notes.example.org"
)

// verified is what an application makes of an assertion with a library that is
// not ours and the keys that it has.
func verified(token string, keys []byte, aud string, now time.Time) (map[string]any, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(keys, &set); err != nil {
		return nil, err
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, err
	}
	var standard jwt.Claims
	all := map[string]any{}
	if err := parsed.Claims(set, &standard, &all); err != nil {
		return nil, err
	}
	return all, standard.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{aud}, Time: now}, 0)
}

// asserting is a bench with somebody logged in on an application's host.
func asserting(t *testing.T) (*bench, *Standing) {
	t.Helper()
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	change := fullAccount()
	change.Identifier = "jdupont"
	change.End = time.Time{}
	b.must(b.SetAccount(t.Context(), by, change, allFields))
	st, err := b.Standing(t.Context(), token, "", true)
	mustBeNil(t, err)
	return b, st
}

func (b *bench) assert(st *Standing) string {
	b.t.Helper()
	token, err := b.Assert(st, issuer, audience)
	mustBeNil(b.t, err)
	return token
}

// An application that has the keys needs nobody to know who is there.
func TestAssertion(t *testing.T) {
	b, st := asserting(t)
	token := b.assert(st)
	got, err := verified(token, b.AssertionKeys(), audience, b.clock())
	mustBeNil(t, err)
	id, _ := got["jti"].(string)
	delete(got, "jti")
	at := float64(b.clock().Unix())
	want := map[string]any{
		"iss": issuer, "aud": audience, "sub": "jdupont", "iat": at, "exp": at + 60, "auth_time": float64(st.Session.Began.Unix()), "amr": []any{"otp", "pin"},
		"name": "Marc Martin", "given_name": "Marc", "family_name": "Martin", "email": "mm@ac-example.fr", "groups": []any{"b", "a"},
		"functions": []any{"DIR"}, "establishment": "0441550W", "FrEduFonctAdm": "DIR", "codaca": "017", "FrEduRneResp": []any{"X"},
		"FrEduRne":      []any{"0693045K$UAJ$PU$ADM$0693045K$T3$LP$320", "0291101P$UAJ$PU$ENS$0291101P$T3$CLG$340"},
		"FrEduResDel":   []any{"notes||01/09/2026|31/08/2027|cdurand|||x|"},
		"FrEduGestResp": []any{"01/09/2026$31/08/2027$805$NOTES"},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(id) != 43 {
		t.Errorf("claims, jti %q (-want +got):\n%s", id, diff)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	mustBeNil(t, err)
	if h := parsed.Headers[0]; h.KeyID == "" || h.ExtraHeaders["typ"] != "JWT" {
		t.Errorf("header %+v", h)
	}
	bare, err := verified(b.assert(&Standing{Session: Session{ID: "x", Method: "emergency"}, Account: Account{Identifier: "x1"}}), b.AssertionKeys(), audience, b.clock())
	mustBeNil(t, err)
	for _, absent := range []string{"given_name", "email", "groups", "functions", "establishment", "FrEduRne", "codaca", "nbf"} {
		if v, there := bare[absent]; there {
			t.Errorf("%s is %v of whom nothing is known", absent, v)
		}
	}
	if !cmp.Equal(bare["amr"], []any{"pin"}) {
		t.Errorf("an emergency code is %v", bare["amr"])
	}
	other, err := verified(b.assert(&Standing{Session: Session{ID: "x", Method: "another"}, Account: Account{Identifier: "x1"}}), b.AssertionKeys(), audience, b.clock())
	mustBeNil(t, err)
	if amr, there := other["amr"]; there {
		t.Errorf("a login of no known kind is %v", amr)
	}
}

// What is not for this application, no longer good, signed by somebody else or by
// nobody is refused by whoever verifies as the manual says.
func TestAssertionIsRefused(t *testing.T) {
	b, st := asserting(t)
	token, keys := b.assert(st), b.AssertionKeys()
	part := strings.Split(token, ".")
	none := "eyJhbGciOiJub25lIn0." + part[1] + "."
	for name, c := range map[string]struct {
		token string
		keys  []byte
		aud   string
		at    time.Time
	}{
		"another application": {token, keys, "https://autre.example.org", b.clock()},
		"after a minute":      {token, keys, audience, b.clock().Add(61 * time.Second)},
		"another gate's keys": {token, newBench(t).AssertionKeys(), audience, b.clock()},
		"alg none":            {none, keys, audience, b.clock()},
		"alg none, signed":    {none + part[2], keys, audience, b.clock()},
		"HS256, public key":   {hs256(t, part[1], keys), keys, audience, b.clock()},
		"another's claims":    {part[0] + "." + part[1][:len(part[1])-8] + "AAAAAAAA." + part[2], keys, audience, b.clock()},
	} {
		if got, err := verified(c.token, c.keys, c.aud, c.at); err == nil {
			t.Errorf("%s is taken: %v", name, got)
		}
	}
}

// hs256 signs claims with the published key as if it were a shared secret.
func hs256(t *testing.T, claims string, keys []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: keys}, nil)
	mustBeNil(t, err)
	object, err := signer.Sign([]byte(claims))
	mustBeNil(t, err)
	token, err := object.CompactSerialize()
	mustBeNil(t, err)
	return token
}

// Who read the keys before a rotation verifies what is signed after it, and who
// reads them after it what was signed before.
func TestAssertionRotation(t *testing.T) {
	b, st := asserting(t)
	keysBefore := b.AssertionKeys()
	for round := range 4 {
		before := b.assert(st)
		mustBeNil(t, b.UseSecrets(t.Context(), reread(t, rotated(t, b.secrets()))))
		after := b.assert(st)
		if kidOf(t, before) == kidOf(t, after) {
			t.Errorf("round %d: the same key signs", round)
		}
		keysAfter := b.AssertionKeys()
		for name, c := range map[string]struct {
			token string
			keys  []byte
		}{"cached keys, new assertion": {after, keysBefore}, "new keys, earlier assertion": {before, keysAfter}, "new keys": {after, keysAfter}} {
			if _, err := verified(c.token, c.keys, audience, b.clock()); err != nil {
				t.Errorf("round %d: %s: %v", round, name, err)
			}
		}
		if n := strings.Count(string(keysAfter), `"kid"`); n != 3 {
			t.Errorf("round %d: %d keys are published", round, n)
		}
		if round > 0 && strings.Contains(string(keysAfter), kidIn(t, keysBefore, 0)) {
			t.Errorf("round %d: the key of two rotations ago is still published", round)
		}
		keysBefore = keysAfter
	}
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	mustBeNil(t, err)
	return parsed.Headers[0].KeyID
}

func kidIn(t *testing.T, keys []byte, i int) string {
	t.Helper()
	var set jose.JSONWebKeySet
	mustBeNil(t, json.Unmarshal(keys, &set))
	return set.Keys[i].KeyID
}

// The published set holds public members only.
func TestAssertionKeysArePublic(t *testing.T) {
	var set struct{ Keys []map[string]any }
	mustBeNil(t, json.Unmarshal(newBench(t).AssertionKeys(), &set))
	if len(set.Keys) != 2 {
		t.Fatalf("%d keys, want the one that signs and the next", len(set.Keys))
	}
	for _, k := range set.Keys {
		for name := range k {
			if !strings.Contains(" kty crv x y alg use key_ops kid ", " "+name+" ") {
				t.Errorf("a key has the member %q", name)
			}
		}
		if k["alg"] != "ES256" || k["use"] != "sig" || k["crv"] != "P-256" {
			t.Errorf("a key is %v", k)
		}
	}
}

// The same assertion is handed out again for half a minute, as long as nothing
// has changed.
func TestAssertionIsReused(t *testing.T) {
	b, st := asserting(t)
	first := b.assert(st)
	b.pass(29 * time.Second)
	if b.assert(st) != first {
		t.Error("signed anew after 29 s")
	}
	if elsewhere, err := b.Assert(&Standing{Session: st.Session, Account: st.Account}, issuer, audience); err != nil || elsewhere == first {
		t.Errorf("what was read anew has the same assertion, %v", err)
	}
	if elsewhere, err := b.Assert(st, issuer, "https://autre.example.org"); err != nil || elsewhere == first {
		t.Errorf("another application has the same assertion, %v", err)
	}
	b.pass(time.Second)
	if b.assert(st) == first {
		t.Error("handed out again after 30 s")
	}
	again := b.assert(st)
	b.pass(-2 * time.Minute)
	if b.assert(st) == again {
		t.Error("a clock that went back hands out what was signed after it")
	}
}

// A secret file of before there were assertions opens, and says that it lacks
// keys; written again it is whole.
func TestSecretsOfBeforeAssertions(t *testing.T) {
	b := newBench(t)
	whole, err := b.secrets().Marshal()
	mustBeNil(t, err)
	var f secretFile
	mustBeNil(t, json.Unmarshal(whole, &f))
	one := f.Keysets[assertionUse]
	delete(f.Keysets, assertionUse)
	old, err := json.Marshal(f)
	mustBeNil(t, err)
	s, err := ParseSecrets(old)
	mustBeNil(t, err)
	if !s.Added() {
		t.Error("the file seems whole")
	}
	mustBeNil(t, b.UseSecrets(t.Context(), s))
	again := reread(t, s)
	if again.Added() || !bytes.Equal(again.assertions.public, s.assertions.public) || bytes.Equal(one, nil) {
		t.Error("written again it is not whole, or another")
	}
	if rotated(t, s).Added() || reread(t, newSecretsFor(t)).Added() {
		t.Error("fresh or rotated secrets lack something")
	}
	f.Keysets[assertionUse] = json.RawMessage(`{"primaryKeyId":1}`)
	bad, err := json.Marshal(f)
	mustBeNil(t, err)
	if _, err := ParseSecrets(bad); err == nil || !strings.Contains(err.Error(), `keyset "assertions" cannot be read`) {
		t.Errorf("a damaged keyset: %v", err)
	}
}

// A delegation is told of on its days only.
func TestSessionLeavesOutWhatIsOver(t *testing.T) {
	b := newBench(t)
	token := b.inService("jdupont", pin).Token
	day := fredu.DateOf(b.clock()).String()
	values := attributesOf(fredu.Change{fredu.ResDel: {"a||" + day + "|" + day + "|x||||", "b||01/01/2020|31/12/2020|x||||", "c||01/01/2090|31/12/9999|x||||"}})
	b.must(b.SetAccount(t.Context(), by, Account{Identifier: "jdupont", Attributes: values}, []AccountField{AttributeField(fredu.ResDel)}))
	_, a, err := b.Session(t.Context(), token, "", true)
	mustBeNil(t, err)
	if got := a.Attributes.Values(fredu.ResDel); len(got) != 1 || !strings.HasPrefix(got[0], "a|") {
		t.Errorf("today: %q", got)
	}
	kept, err := b.Account(t.Context(), "jdupont")
	mustBeNil(t, err)
	if n := len(kept.Attributes.Values(fredu.ResDel)); n != 3 {
		t.Errorf("%d are kept", n)
	}
}

func BenchmarkAssert(b *testing.B) {
	g := newBench(b)
	a := Account{Identifier: "jdupont", GivenName: "Jeanne", Surname: "Dupont", Email: "jeanne.dupont@ac-example.fr", Groups: []string{"enseignants"}}
	b.Run("signed", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.Assert(&Standing{Session: Session{Method: "otp"}, Account: a}, issuer, audience); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		st := &Standing{Session: Session{Method: "otp"}, Account: a}
		for b.Loop() {
			if _, err := g.Assert(st, issuer, audience); err != nil {
				b.Fatal(err)
			}
		}
	})
}
