package authcore

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// The secrets that are planted in every value below.
const (
	canaryPIN   = "740293"
	canaryCode  = "93517262"
	canaryText  = "canary0123456789012345678901234567890123456"
	canaryBytes = "a seed that sings"
)

// shows tells in which spelling a text holds one of the secrets; "" if in none.
func shows(text string, secrets ...string) string {
	text = strings.ToLower(text)
	for _, spelling := range append(canaries, spellings(secrets...)...) {
		if strings.Contains(text, spelling) {
			return spelling[:4] + "…"
		}
	}
	return ""
}

var canaries = slices.Clip(spellings(canaryPIN, canaryCode, canaryText, canaryBytes))

// spellings are the ways in which fmt and encoders write a secret, in lower case.
func spellings(secrets ...string) (all []string) {
	for _, secret := range secrets {
		b := []byte(secret)
		inside := func(format string) string { return strings.Trim(fmt.Sprintf(format, b), "[]") }
		for _, s := range []string{
			secret, inside("%d"), inside("%o"), inside("%b"), inside("% x"), hex.EncodeToString(b), base64.StdEncoding.EncodeToString(b),
			base64.RawURLEncoding.EncodeToString(b), strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"),
		} {
			all = append(all, strings.ToLower(s))
		}
	}
	return all
}

// exported holds a value of every exported type, but for those that are nothing
// but a word or a number.
var exported = map[string]any{
	"Activation": Activation{}, "Account": Account{}, "Actor": Actor{}, "AuditQuery": AuditQuery{}, "Backup": Backup{}, "Anchor": Anchor{}, "Challenge": Challenge{}, "Clock": Clock{}, "Access": Access{}, "Config": Config{}, "Copied": Copied{}, "CopyOrder": CopyOrder{}, "Delegation": Delegation{}, "Desk": Desk{}, "Difference": Difference{}, "Display": Display{}, "EmergencyOrder": EmergencyOrder{}, "Event": Event{}, "Follower": Follower{}, "Form": Form{}, "Gate": Gate{}, "Import": Import{},
	"Kept": Kept{}, "Message": Message{}, "Notice": Notice{}, "Key": Key{}, "KeyInfo": KeyInfo{}, "NewKey": NewKey{}, "NewPINAnswer": NewPINAnswer{}, "NewPasscodeAnswer": NewPasscodeAnswer{},
	"NextCodeAnswer": NextCodeAnswer{}, "PIN": PIN{}, "PINHash": PINHash(""), "Passcode": Passcode{}, "PasscodeAnswer": PasscodeAnswer{}, "PersonData": PersonData{}, "Policy": Policy{},
	"Ceremony": Ceremony{}, "Passkey": Passkey{}, "PasskeyAnswer": PasskeyAnswer{}, "PasskeyConfig": PasskeyConfig{}, "Passkeys": Passkeys{},
	"Part": Part{}, "ReplaceOrder": ReplaceOrder{}, "Reply": Reply{}, "Request": Request{}, "RequestQuery": RequestQuery{}, "Requirement": Requirement{}, "Roster": Roster{}, "RosterPlan": RosterPlan{}, "Rule": Rule{}, "Ruling": Ruling{}, "Secrets": Secrets{}, "Session": Session{}, "Source": Source{}, "Standing": Standing{}, "Step": Step{},
	"AwaitsError": AwaitsError{}, "BarredError": BarredError{}, "Clerk": Clerk{}, "ConsolePerson": ConsolePerson{}, "ConsoleQuery": ConsoleQuery{}, "ConsoleResult": ConsoleResult{}, "ConsoleRules": ConsoleRules{}, "EstablishmentReferents": EstablishmentReferents{}, "FourEyes": FourEyes{}, "Office": Office{}, "Pending": Pending{}, "Person": Person{}, "Subject": Subject{},
	"Taken": Taken{}, "Terms": Terms{}, "Token": Token(""), "Trial": Trial{}, "Verification": Verification{},
}

// What holds no secret by its nature: names, words, interfaces.
var harmless = []string{"AbsentFate", "AccountField", "Answer", "Bar", "Chain", "ClockState", "Decision", "Deed", "EventKind", "Identifier", "KeyFate", "Outcome", "PINProblem", "PendingAct", "Place", "Question", "Reference", "RequestField", "RequestProblem", "Role", "RuleKind", "Serial", "SessionID", "State", "StepKind", "Verdict", "Way", "Why"}

// A new exported type must be entered in one of the lists.
func TestEveryTypeIsWatched(t *testing.T) {
	files, err := filepath.Glob("*.go")
	mustBeNil(t, err)
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		mustBeNil(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			seen++
			_, watched := exported[spec.Name.Name]
			if !watched && !slices.Contains(harmless, spec.Name.Name) {
				t.Errorf("the type %s is in neither list: does it hold a secret?", spec.Name.Name)
			}
			return true
		})
	}
	if seen != len(exported)+len(harmless) {
		t.Errorf("%d exported types, %d in the lists", seen, len(exported)+len(harmless))
	}
}

// plant fills a value with secrets, wherever its type has room for one, and
// reports whether it had.
func plant(v reflect.Value) (planted bool) {
	switch p := v.Addr().Interface().(type) {
	case *PIN:
		*p = PIN{canaryPIN}
	case *Passcode:
		*p = Passcode{canaryPIN + canaryCode}
	case *Token:
		*p = canaryText
	case *Activation:
		*p = Activation{canaryCode}
	case *Form:
		*p = Form{Address: canaryText, Page: canaryText, ContentType: canaryText, Body: []byte(canaryBytes)}
	case *activationMark:
		*p = canaryText
	case *PINHash:
		*p = canaryText
	case *otp.Generator:
		p.Seed = []byte(canaryBytes)
	case *Challenge:
		*p = Challenge{ID: canaryText, Salt: canaryText, NewPIN: canaryText, Judged: canaryText, Activation: canaryText, Question: AskNextCode}
	default:
		if v.Kind() != reflect.Struct {
			return false
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				planted = plant(v.Field(i)) || planted
			}
		}
		return planted
	}
	return true
}

// planted returns the values with their secrets, and how they may be met: alone,
// pointed to, in a list, in a field.
func planted(t *testing.T) (all []any) {
	for name, zero := range exported {
		v := reflect.New(reflect.TypeOf(zero))
		had := plant(v.Elem())
		if hidden := []string{"Activation", "PIN", "Passcode", "Token", "PINHash", "Key", "Challenge", "Reply", "NewKey", "PasscodeAnswer", "NewPINAnswer", "Form"}; slices.Contains(hidden, name) && !had {
			t.Errorf("nothing was planted in %s: the test shows nothing", name)
		}
		e := v.Elem()
		list := reflect.Append(reflect.MakeSlice(reflect.SliceOf(e.Type()), 0, 1), e)
		all = append(all, e.Interface(), v.Interface(), list.Interface(), struct{ Field any }{e.Interface()}, map[string]any{"key": e.Interface()})
	}
	return append(all, otp.Generator{Kind: otp.TOTP, Seed: []byte(canaryBytes)})
}

// No verb of fmt prints a secret. Left out are %w of a value that is no error
// and %p of one that is no pointer, for which fmt prints the bare value whatever
// its methods; go vet refuses both.
func TestNoVerbShowsASecret(t *testing.T) {
	const letters = "vsqxXdobBOUcteEfFgGT"
	for _, v := range planted(t) {
		for _, verb := range letters {
			for _, flags := range []string{"", "+", "#", " "} {
				if got := shows(fmt.Sprintf("%"+flags+string(verb), v)); got != "" {
					t.Errorf("%%%s%c of a %T shows %s", flags, verb, v, got)
				}
			}
		}
		if got := shows(fmt.Sprint(v) + fmt.Sprintln("x", v) + fmt.Errorf("x: %v", v).Error()); got != "" {
			t.Errorf("printing a %T shows %s", v, got)
		}
	}
}

// No handler of slog prints a secret, and encoding/json writes none or refuses.
// Left out are a bare generator and a bare PIN hash inside something else: as
// JSON is how they are stored, before that is sealed.
func TestNoLogShowsASecret(t *testing.T) {
	for _, v := range planted(t) {
		if isStored(v) {
			continue
		}
		var out bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			log := slog.New(h)
			log.Info("a value", "value", v, slog.Group("group", "value", v))
			log.With("value", v).Info("a value")
		}
		if got := shows(out.String()); got != "" {
			t.Errorf("a log of a %T shows %s", v, got)
		}
		if data, err := json.Marshal(v); err == nil && shows(string(data)) != "" {
			t.Errorf("JSON of a %T shows %s", v, shows(string(data)))
		}
	}
}

func isStored(v any) bool {
	switch v := v.(type) {
	case otp.Generator, PINHash, *PINHash, []PINHash:
		return true
	case struct{ Field any }:
		return isStored(v.Field)
	case map[string]any:
		return isStored(v["key"])
	}
	return false
}

// The tests above see what is shown.
func TestShowsSees(t *testing.T) {
	for _, format := range []string{"%s", "%x", "%X", "%v", "%d", "%q", "%#v", "%o", "%b", "% x"} {
		if shows(fmt.Sprintf(format, []byte(canaryBytes))) == "" {
			t.Errorf("a secret printed with %s is not seen", format)
		}
	}
	for _, format := range []string{"%s", "%x", "%q", "%v"} {
		if shows(fmt.Sprintf(format, canaryPIN)) == "" {
			t.Errorf("a secret printed with %s is not seen", format)
		}
	}
}

// What runs prints none of the keys it runs with, nor does an error of a login.
func TestNothingThatRunsShowsASecret(t *testing.T) {
	b := newBench(t)
	file, err := b.secrets().Marshal()
	mustBeNil(t, err)
	keys := keysOf(t, file)
	b.inService("jdupont", canaryPIN)
	i, err := b.BeginImport(t.Context(), by, false)
	mustBeNil(t, err)
	g := totpKey("NEW-1")
	g.Seed = []byte(canaryBytes)
	mustBeNil(t, i.Add(t.Context(), 1, NewKey{Serial: "NEW-1", Generator: g}))
	for _, v := range []any{b.Gate, i, b.secrets(), b.secrets().assertions, b.shared, Config{Store: b.store, Secrets: b.secrets()}, &turn{gate: b.Gate, secrets: b.secrets()}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if got := shows(fmt.Sprintf(verb, v), keys...); got != "" {
				t.Errorf("%s of a %T shows %s", verb, v, got)
			}
		}
		if data, err := json.Marshal(v); err == nil && shows(string(data), keys...) != "" {
			t.Errorf("JSON of a %T shows a key", v)
		}
	}
	if len(keys) != 6 {
		t.Errorf("%d keys were looked for, want 6", len(keys))
	}
}

// keysOf gives the key material of a secret file.
func keysOf(t *testing.T, file []byte) (keys []string) {
	t.Helper()
	var f struct {
		Keysets map[string]struct {
			Key []struct{ KeyData struct{ Value []byte } }
		}
	}
	mustBeNil(t, json.Unmarshal(file, &f))
	for _, set := range f.Keysets {
		for _, k := range set.Key {
			keys = append(keys, string(k.KeyData.Value[len(k.KeyData.Value)-32:]))
		}
	}
	return keys
}

// The whole journey, refusals and faults included, leaves no secret in the log,
// in the audit trail, or in the clear in the store.
func TestTheJourneyLeavesNoSecret(t *testing.T) {
	var out bytes.Buffer
	b := newBench(t)
	b.Gate = b.With(b.Policy(), slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	var secrets []string
	code := func(n otp.Step) string {
		secrets = append(secrets, b.shows(n))
		return b.shows(n)
	}
	r := b.want(b.login("jdupont", code(0)), Asked, AskNewPIN)
	r = b.want(b.newPIN(r, canaryPIN), Asked, AskNewPasscode)
	b.wait(1)
	r = b.want(b.newPasscode(r, canaryPIN+code(0)), Granted, Done)
	b.wait(1)
	b.denied(b.login("jdupont", "8305"+code(0)))
	b.denied(b.login("hunter2.my.password", "8305"+code(0)))
	b.denied(b.login("jdupont", canaryPIN+code(500)))
	secrets = append(secrets, string(r.Token), r.Challenge.ID, string(b.key.Seed), "hunter2", "8305")
	if out.Len() == 0 {
		t.Fatal("nothing was logged: the test shows nothing")
	}
	trail, err := json.Marshal(b.events())
	mustBeNil(t, err)
	for what, text := range map[string]string{"the log": out.String(), "the audit trail": string(trail), "the store": b.dump()} {
		if got := shows(text, secrets...); got != "" {
			t.Errorf("%s shows %s", what, got)
		}
	}
}
