package authcore

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Where a passkey is required, other means of whoever may are worth a step up, and
// the rest stays as it is.
func TestDecidePasskey(t *testing.T) {
	now := benchStart
	person := Account{Identifier: "jdupont", Passkeys: []Passkey{{Mark: tableMark}}}
	everyone := []Rule{{Kind: Everyone}}
	whole := Requirement{Terms: Terms{Allow: everyone, Passkey: true}}
	part := Requirement{Terms: Terms{Allow: everyone}, Parts: []Part{
		{Paths: []string{"/marks/*"}, Terms: Terms{Passkey: true}},
		{Paths: []string{"/old/*"}, Terms: Terms{MaxAge: time.Minute}},
	}}
	closed := Requirement{Terms: Terms{Allow: []Rule{{Kind: ToPerson, Values: []string{"mmartin"}}}, Passkey: true}}
	inPart := Requirement{Terms: Terms{Allow: everyone, Passkey: true}, Parts: []Part{{Paths: []string{"/marks/*"}, Terms: Terms{MaxAge: time.Minute}}}}
	old := 10 * time.Minute
	for _, x := range []struct {
		name   string
		r      Requirement
		method string
		age    time.Duration
		paths  []string
		want   Decision
		why    Why
	}{
		{"by a code", whole, MethodOTP, 0, nil, StepUp, PasskeyWanted},
		{"by an emergency code", whole, MethodEmergency, 0, nil, StepUp, PasskeyWanted},
		{"by nobody knows what", whole, "", 0, nil, StepUp, PasskeyWanted},
		{"by a passkey", whole, MethodPasskey, old, nil, Allow, ByRule},
		{"who may not anyway", closed, MethodOTP, 0, nil, Deny, NoRule},
		{"elsewhere in the application", part, MethodOTP, 0, []string{"/"}, Allow, ByRule},
		{"in the part", part, MethodOTP, 0, []string{"/marks/1"}, StepUp, PasskeyWanted},
		{"in the part, by a passkey", part, MethodPasskey, old, []string{"/marks/1"}, Allow, ByRule},
		{"a path of two readings", part, MethodOTP, 0, []string{"/", "/marks"}, StepUp, PasskeyWanted},
		{"of two readings both are wanted", part, MethodOTP, old, []string{"/old/1", "/marks/1"}, StepUp, PasskeyWanted},
		{"of two readings both are wanted, in turn", part, MethodOTP, old, []string{"/marks/1", "/old/1"}, StepUp, PasskeyWanted},
		{"of two readings, by a passkey", part, MethodPasskey, old, []string{"/marks/1", "/old/1"}, StepUp, CodeTooOld},
		{"a part keeps what the whole asks for", inPart, MethodOTP, 0, []string{"/marks/1"}, StepUp, PasskeyWanted},
		{"a part asks for a fresh one", inPart, MethodPasskey, old, []string{"/marks/1"}, StepUp, CodeTooOld},
		{"a fresh one", inPart, MethodPasskey, 0, []string{"/marks/1"}, Allow, ByRule},
	} {
		s := Session{Holder: "jdupont", Method: x.method, Began: now.Add(-x.age), Idle: now.Add(time.Hour), End: now.Add(time.Hour)}
		if x.method == MethodPasskey {
			s.Passkey = tableMark
		}
		got := x.r.Decide(s, person, Access{Paths: x.paths, Methods: []string{"GET"}}, now)
		if got.Decision != x.want || got.Why != x.why {
			t.Errorf("%s: %v, %s; want %v, %s", x.name, got.Decision, got.Why, x.want, x.why)
		}
	}
	gone := Session{Holder: "jdupont", Method: MethodPasskey, Passkey: "another", Began: now, Idle: now.Add(time.Hour), End: now.Add(time.Hour)}
	if got := whole.Decide(gone, person, Access{}, now); got.Why != ShutOut {
		t.Errorf("by a passkey that is gone: %s", got.Why)
	}
}

// How somebody logged in, as RFC 8176 has it.
func TestAMR(t *testing.T) {
	a := Account{Passkeys: []Passkey{{Mark: "attested", Attested: true}, {Mark: "synced", Attested: true, Synced: true}, {Mark: "plain"}}}
	for _, x := range []struct {
		method, passkey string
		want            []any
	}{
		{MethodOTP, "", []any{"otp", "pin"}},
		{MethodEmergency, "", []any{"pin"}},
		{MethodPasskey, "attested", []any{"hwk", "user", "mfa"}},
		{MethodPasskey, "synced", []any{"swk", "user", "mfa"}},
		{MethodPasskey, "plain", []any{"swk", "user", "mfa"}},
		{MethodPasskey, "gone", []any{"swk", "user", "mfa"}},
	} {
		if got := amr(Session{Method: x.method, Passkey: x.passkey}, a); !cmp.Equal(got, x.want) {
			t.Error(fmt.Sprint(x.method, " ", x.passkey, ": ", got))
		}
	}
}
