package authcore

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The pieces of the table: who types, what the login asks, what is typed.
const (
	goodPIN  = "7294"
	otherPIN = "8305"

	emergencyCode = "33334444"

	activationCode = "48217395"
)

var tableNow = time.Date(2026, 9, 1, 7, 58, 20, 0, time.UTC)

func tableKey() Key {
	return Key{
		Serial: "0123456789", Holder: "jdupont", State: Active, PIN: fakeHash(goodPIN), Used: -1, Assigned: tableNow,
		Generator: otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: []byte("a seed for the table")},
	}
}

// fakeHash stands for argon2id, which the pure step never sees.
func fakeHash(pin string) PINHash { return PINHash("hash of " + pin) }

// fakeMark stands for the derivation of an activation code.
func fakeMark(code string) activationMark { return activationMark("mark of " + code) }

type situation struct {
	name string
	set  func(*scene)
}

// situations are the states of a key and of a person, each with what makes it.
var situations = []situation{
	{"PIN to define", func(s *scene) { s.keys[0].State, s.keys[0].PIN = PINToDefine, "" }},
	{"PIN to define, after 3 failures", func(s *scene) { s.keys[0].State, s.keys[0].PIN, s.attempts.Blind = PINToDefine, "", 3 }},
	{"PIN to define, with an activation code", func(s *scene) {
		s.keys[0].State, s.keys[0].PIN, s.keys[0].Activation = PINToDefine, "", fakeMark(activationCode)
	}},
	{"PIN to define, after 4 wrong activation codes", func(s *scene) {
		s.keys[0].State, s.keys[0].PIN, s.keys[0].Activation, s.keys[0].WrongPIN = PINToDefine, "", fakeMark(activationCode), 4
	}},
	{"active", func(s *scene) {}},
	{"active, another PIN required", func(s *scene) { s.keys[0].ChangePIN = true }},
	{"active, after 3 failures", func(s *scene) { s.attempts.Blind = 3 }},
	{"active, after 100 failures", func(s *scene) { s.attempts.Blind = 100 }},
	{"active, guesses slowed down", func(s *scene) { s.slow = slow{Failures: 5, Until: tableNow.Add(1), Last: tableNow} }},
	{"active, after 4 wrong PINs", func(s *scene) { s.keys[0].WrongPIN = 4 }},
	{"to synchronise", func(s *scene) { s.keys[0].State = ToSynchronise }},
	{"to synchronise, another PIN required", func(s *scene) { s.keys[0].State, s.keys[0].ChangePIN = ToSynchronise, true }},
	{"replaced, both open", func(s *scene) { s.keys[0].ReplacedBy, s.keys[0].Ends = "NEW-1", tableNow.Add(time.Second) }},
	{"replaced, overlap over", func(s *scene) { s.keys[0].ReplacedBy, s.keys[0].Ends = "NEW-1", tableNow }},
	{"locked", func(s *scene) { s.keys[0].State = Locked }},
	{"lost", func(s *scene) { s.keys[0].State = Lost }},
	{"lost, with emergency codes", func(s *scene) {
		s.keys[0].State = Lost
		s.keys[0].Emergency = emergency{Codes: []string{"11112222", emergencyCode}, Reason: "lost", Until: tableNow.Add(time.Hour)}
	}},
	{"lost, emergency until the key is used", func(s *scene) {
		s.keys[0].State = Lost
		s.keys[0].Emergency = emergency{Codes: []string{emergencyCode}, Reason: "lost", Until: tableNow.Add(time.Hour), KeyEnds: true}
	}},
	{"lost, emergency over", func(s *scene) {
		s.keys[0].State = Lost
		s.keys[0].Emergency = emergency{Codes: []string{emergencyCode}, Reason: "lost", Until: tableNow}
	}},
	{"retired", func(s *scene) { s.keys[0].State = Retired }},
	{"in stock", func(s *scene) { s.keys[0].Holder = "" }},
	{"another person's", func(s *scene) { s.keys[0].Holder = "mmartin" }},
	{"expired", func(s *scene) { s.keys[0].Expires = tableNow }},
	{"person disabled", func(s *scene) { s.account.Disabled = true }},
	{"person whose account ended", func(s *scene) { s.account.End = tableNow }},
	{"person unknown", func(s *scene) { s.known = false; s.account.Identifier = nobody }},
}

type entry struct {
	name   string
	asked  Question
	answer func(code func(otp.Step) string) Answer
}

func typed(digits string) Passcode { return Passcode{digits} }

// entries are what can be typed at each question. The login's last code is the
// one two steps ago.
var entries = []entry{
	{"the code alone", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(code(0))} }},
	{"PIN + code", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(goodPIN + code(0))} }},
	{"wrong PIN + code", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(otherPIN + code(0))} }},
	{"PIN + code 3 steps off", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(goodPIN + code(3))} }},
	{"PIN + code 8 steps off", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(goodPIN + code(8))} }},
	{"PIN + this login's last code", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(goodPIN + code(-2))} }},
	{"wrong PIN + this login's last code", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(otherPIN + code(-2))} }},
	{"PIN + an older code", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(goodPIN + code(-3))} }},
	{"PIN + emergency code", AskPasscode, func(func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(goodPIN + emergencyCode)} }},
	{"wrong PIN + emergency code", AskPasscode, func(func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(otherPIN + emergencyCode)} }},
	{"no code of the key", AskPasscode, func(code func(otp.Step) string) Answer { return PasscodeAnswer{"jdupont", typed(goodPIN + code(500))} }},
	{"a good PIN twice", AskNewPIN, func(func(otp.Step) string) Answer { return NewPINAnswer{PIN: PIN{goodPIN}, Again: PIN{goodPIN}} }},
	{"another PIN twice", AskNewPIN, func(func(otp.Step) string) Answer { return NewPINAnswer{PIN: PIN{otherPIN}, Again: PIN{otherPIN}} }},
	{"a good PIN twice, the activation code", AskNewPIN, func(func(otp.Step) string) Answer {
		return NewPINAnswer{PIN: PIN{goodPIN}, Again: PIN{goodPIN}, Activation: Activation{activationCode}}
	}},
	{"a good PIN twice, a wrong activation code", AskNewPIN, func(func(otp.Step) string) Answer {
		return NewPINAnswer{PIN: PIN{goodPIN}, Again: PIN{goodPIN}, Activation: Activation{emergencyCode}}
	}},
	{"two different PINs", AskNewPIN, func(func(otp.Step) string) Answer { return NewPINAnswer{PIN: PIN{goodPIN}, Again: PIN{otherPIN}} }},
	{"a weak PIN", AskNewPIN, func(func(otp.Step) string) Answer { return NewPINAnswer{PIN: PIN{"1234"}, Again: PIN{"1234"}} }},
	{"new PIN + new code", AskNewPasscode, func(code func(otp.Step) string) Answer { return NewPasscodeAnswer{typed(goodPIN + code(0))} }},
	{"wrong PIN + new code", AskNewPasscode, func(code func(otp.Step) string) Answer { return NewPasscodeAnswer{typed(otherPIN + code(0))} }},
	{"new PIN + the same code", AskNewPasscode, func(code func(otp.Step) string) Answer { return NewPasscodeAnswer{typed(goodPIN + code(-2))} }},
	{"wrong PIN + the same code", AskNewPasscode, func(code func(otp.Step) string) Answer { return NewPasscodeAnswer{typed(otherPIN + code(-2))} }},
	{"new PIN + code 3 steps off", AskNewPasscode, func(code func(otp.Step) string) Answer { return NewPasscodeAnswer{typed(goodPIN + code(3))} }},
	{"no code of the key", AskNewPasscode, func(code func(otp.Step) string) Answer { return NewPasscodeAnswer{typed(goodPIN + code(500))} }},
	{"the next code", AskNextCode, func(code func(otp.Step) string) Answer { return NextCodeAnswer{typed(code(0))} }},
	{"PIN + the next code", AskNextCode, func(code func(otp.Step) string) Answer { return NextCodeAnswer{typed(goodPIN + code(0))} }},
	{"the same code", AskNextCode, func(code func(otp.Step) string) Answer { return NextCodeAnswer{typed(code(-2))} }},
	{"no code of the key", AskNextCode, func(code func(otp.Step) string) Answer { return NextCodeAnswer{typed(code(500))} }},
	{"a passkey instead", AskPasscode, func(func(otp.Step) string) Answer { return PasskeyAnswer{} }},
	{"a passkey that is not theirs", AskPasscode, func(func(otp.Step) string) Answer { return PasskeyAnswer{Ceremony: "refused"} }},
	{"a passkey whose counter went back", AskPasscode, func(func(otp.Step) string) Answer { return PasskeyAnswer{Ceremony: "cloned"} }},
}

// tablePasskey is what the response of a passkey came to, for a scene.
func tablePasskey(a PasskeyAnswer) shown {
	if a.Ceremony == "refused" {
		return shown{who: "jdupont", reason: "signature"}
	}
	return shown{who: "jdupont", mark: tableMark, cloned: a.Ceremony == "cloned"}
}

const tableMark = "00112233445566778899aabbccddeeff"

// playEntry runs one entry in one situation through the pure step, both halves.
func playEntry(sit situation, e entry) (before scene, m move) {
	k := tableKey()
	now := k.Generator.StepAt(tableNow)
	code := func(n otp.Step) string { return k.Generator.Code(now + n) }
	k.Used = now - 2
	s := scene{now: tableNow, wall: tableNow, policy: DefaultPolicy(), session: "session", known: true, keys: []Key{k},
		account: Account{Identifier: "jdupont", Keys: []Serial{k.Serial}, Passkeys: []Passkey{{Mark: tableMark, Name: "Phone"}}}}
	sit.set(&s)
	c := Challenge{ID: "id", Question: e.asked, Holder: "jdupont", Expires: tableNow.Add(time.Minute), NewPIN: fakeHash(goodPIN),
		Trial: Trial{Serial: k.Serial, Step: now - 2}}
	if e.asked == AskPasscode || e.asked == AskNewPIN {
		c.NewPIN = ""
	}
	if e.asked == AskNextCode {
		c.Judged, c.Pair = s.keys[0].PIN, s.attempts.Blind >= 100 || s.attempts.Blind >= 3 && s.keys[0].PIN.IsZero()
	}
	inLogin(&c, &s)
	a := e.answer(code)
	if a, ok := a.(NewPINAnswer); ok && a.Activation != (Activation{}) {
		s.activation = []activationMark{fakeMark("an older secret"), fakeMark(a.Activation.digits)}
	}
	if a, ok := a.(PasskeyAnswer); ok {
		s.passkey = tablePasskey(a)
	}
	m = c.next(s, a, nil)
	if m.work != (work{}) {
		h := hashed{right: m.work.judge == fakeHash(m.work.pin.digits), judged: m.work.judge}
		if m.work.make && !h.right {
			h.made = fakeHash(m.work.pin.digits)
		}
		events := m.events
		m = m.challenge.next(m.scene, a, &h)
		m.events = append(events, m.events...)
	}
	return s, m
}

// inLogin gives a login that has come to the definition of a PIN what it came
// there with: the PIN that is to be replaced, the activation code of its key.
func inLogin(c *Challenge, s *scene) {
	k := &s.keys[0]
	if c.Question == AskNewPIN && k.ChangePIN {
		c.Judged = k.PIN
	}
	if c.Question == AskNewPasscode && k.ChangePIN {
		k.PIN = fakeHash(otherPIN)
		c.Judged = k.PIN
	}
	if c.Question == AskNewPasscode {
		c.Activation = k.Activation
	}
}

// TestTheTable plays every entry in every situation. What is not the one refusal
// stands in the golden table; everything else must be that refusal and change
// nothing but counters and the step consumed. (Guesses that are slowed down are
// told so, whatever is typed.)
func TestTheTable(t *testing.T) {
	var b strings.Builder
	b.WriteString("| the key, or the person | asked for | typed | answer | asked next | the key is then | written down as |\n|---|---|---|---|---|---|---|\n")
	for _, sit := range situations {
		for _, e := range entries {
			before, m := playEntry(sit, e)
			checkMove(t, sit, e, before, m)
			if o := m.challenge.Last.Outcome; (o == Denied || o == Slowed) && m.scene.keys[0].State == before.keys[0].State {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", sit.name, e.asked, e.name,
				m.challenge.Last.Outcome, m.challenge.Question, m.scene.keys[0].State, kinds(m.events))
		}
	}
	golden(t, "testdata/login.md", b.String())
	inReadme(t, b.String())
}

// inReadme holds the manual to the table.
func inReadme(t *testing.T, table string) {
	t.Helper()
	const begin, end = "<!-- begin login table: authcore/testdata/login.md -->\n", "<!-- end login table -->"
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(readme), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("the README has no place for the table")
	}
	golden(t, "../README.md", head+begin+table+end+tail)
}

// checkMove holds for every step whatever it is.
func checkMove(t *testing.T, sit situation, e entry, before scene, m move) {
	t.Helper()
	was, is := before.keys[0], m.scene.keys[0]
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s, asked for %s, typed %s: %s", sit.name, e.asked, e.name, fmt.Sprintf(format, args...))
	}
	if m.challenge.Last.Outcome == 0 || m.challenge.Last.Judging {
		fail("the answer has no outcome")
	}
	if is.Used < was.Used {
		fail("the memory of used codes went back")
	}
	if (m.scene.granted != nil) != (m.challenge.Last.Outcome == Granted) || (m.challenge.Question == Done) != (m.scene.granted != nil) {
		fail("a session without the outcome, or the reverse")
	}
	byPasskey := strings.Contains(e.name, "passkey")
	if byPasskey {
		checkPasskeyMove(fail, before, m)
	}
	if !byPasskey && m.scene.granted != nil && is.Used == was.Used && len(is.Emergency.Codes) == len(was.Emergency.Codes) {
		fail("a session without a fresh code")
	}
	if m.scene.granted == nil && (m.scene.attempts.Blind < before.attempts.Blind || is.WrongPIN < was.WrongPIN) {
		fail("a counter was reset without a full success")
	}
	if len(m.events) == 0 {
		fail("no audit entry")
	}
	if !byPasskey && !before.opens(was, m.challenge.Trial) && m.challenge.Last.Outcome != Denied {
		fail("%s, although nothing may open", m.challenge.Last.Outcome)
	}
	fresh := strings.Contains(e.name, "code") && !strings.Contains(e.name, "emergency") && !strings.Contains(e.name, "no code") && !strings.Contains(e.name, "last code") && !strings.Contains(e.name, "same code") && !strings.Contains(e.name, "older code")
	slowed := m.challenge.Last.Outcome == Slowed
	if fresh && e.asked == AskPasscode && is.Used == was.Used && !slowed {
		fail("a code that matched was not consumed")
	}
	if slowed && !cmp.Equal(was, is, cmp.AllowUnexported(Key{}, emergency{}, Passcode{})) {
		fail("something was tried before its time")
	}
}

// checkPasskeyMove holds for every answer by passkey: it opens for whom the gate
// knows and lets in, whatever has become of their key, and touches nothing of that.
func checkPasskeyMove(fail func(string, ...any), before scene, m move) {
	if before.account.Closed(before.now) || !before.known || before.passkey.reason != "" || before.passkey.cloned {
		if m.challenge.Last.Outcome != Denied {
			fail("%s, although nothing may open", m.challenge.Last.Outcome)
		}
	} else if s := m.scene.granted; s == nil || s.Method != MethodPasskey || s.Passkey != tableMark || s.Serial != "" {
		fail("the session is %+v", s)
	}
	if !cmp.Equal(before.keys, m.scene.keys, cmp.AllowUnexported(Key{}, emergency{}, Passcode{})) || before.attempts != m.scene.attempts || before.slow != m.scene.slow {
		fail("something of the key changed")
	}
	if before.account.Passkeys[0] != (Passkey{Mark: tableMark, Name: "Phone"}) {
		fail("what was read was changed in place")
	}
	if got := m.scene.account.Passkeys[0]; got.Cloned != (before.passkey.cloned && !before.account.Closed(before.now) && before.known) || got.LastUsed.IsZero() != (m.scene.granted == nil) {
		fail("the passkey is %+v", got)
	}
}

func kinds(events []Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Kind.String())
	}
	return strings.Join(all, ", ")
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run the test with -update when the change is meant:\n%s", file, diff)
	}
}
