package authcore

import (
	"encoding"
	"fmt"
	"strings"
	"testing"
)

// The words of every enumeration: they are names in records, in the API and in
// the configuration, so they stay.
func TestWords(t *testing.T) {
	checkWords[State](t, "pin-to-define to-synchronise active locked lost retired")
	checkWords[Question](t, "passcode new-pin new-passcode next-code done")
	checkWords[Outcome](t, "asked granted denied reused pin-denied slowed")
	checkWords[PINProblem](t, "too-short too-long repeats sequence date common from-serial from-code mismatch activation-missing activation-wrong unchanged")
	checkWords[RuleKind](t, "everyone person group function establishment")
	checkWords[EventKind](t, `login-accepted code-unmatched code-too-far code-reused pin-wrong pin-asked pin-refused pin-staged pin-defined
		next-code-asked next-code-wrong key-locked key-unusable person-unknown person-disabled login-busy session-handed-over session-ended
		account-added account-changed key-imported key-assigned key-unlocked pin-cleared
		key-handed-over key-lost key-found key-retired key-resynchronised emergency-given emergency-used key-returned account-removed login-slowed
		pin-change-required pin-change-asked activation-given activation-wrong key-replaced delegation-given delegation-ended audit-purged data-erased
		form-kept form-sent-again form-dropped
		passkey-added passkey-renamed passkey-removed passkey-used passkey-refused passkey-cloned
		clock-doubted clock-accepted
		request-sent request-removed
		store-backed-up store-restored
		role-given role-ended confirmation-asked confirmation-refused key-sent key-received
		message-sent message-given-up login-flood store-moved`)
	checkWords[RequestField](t, "surname given-name function establishment email phone hours subject description accounts key reference met application")
	checkWords[RequestProblem](t, "missing too-long malformed no-text")
	checkWords[Role](t, "holder referent operator auditor")
	checkWords[PendingAct](t, "give-role return-key retire-key revoke-passkey remove-person")
	checkWords[Deed](t, "look stock clear-pin unlock lost assign hand-over return receive delegate end-delegation revoke-passkey confirm")
	checkWords[Place](t, "sent safe assigned handed-over returned lost retired")
	checkWords[Bar](t, "none shut role scope oneself office stale")
	checkWords[Way](t, "mail webhook")
	checkWords[ClockState](t, "sound behind early ahead")
	checkWords[AccountField](t, "given_name surname email groups functions establishment end "+
		"FrEduRne FrEduRneResp FrEduResDel FrEduGestResp FrEduFonctAdm codaca title grade discipline fonctm typensi employeeNumber datenaissance civilite codecivilite")
	checkWords[KeyFate](t, "keep retire return")
	checkWords[AbsentFate](t, "keep disable remove")
	checkWords[StepKind](t, "add change disable remove")
	for v, want := range map[Verdict]string{0: "unknown verdict 0", Refused: "refused", Accepted: "accepted", Accepted + 1: "unknown verdict 7"} {
		if got := v.String(); got != want {
			t.Errorf("verdict %d is %q", v, got)
		}
	}
}

type word interface {
	~uint8
	fmt.Stringer
	encoding.TextMarshaler
}

// checkWords holds an enumeration to its words: each value has one, each word
// gives its value, and nothing else gives any.
func checkWords[T word, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, words string) {
	t.Helper()
	names := append([]string{""}, strings.Fields(words)...)
	for i, name := range names[1:] {
		v := T(i + 1)
		text, err := v.MarshalText()
		var back T
		if string(text) != name || err != nil || v.String() != name || P(&back).UnmarshalText(text) != nil || back != v {
			t.Errorf("%T %d is %q, %q; want %q", v, i+1, v, text, name)
		}
	}
	for _, v := range []T{0, T(len(names)), 255} {
		if text, err := v.MarshalText(); err == nil || !strings.HasPrefix(v.String(), "unknown ") {
			t.Errorf("%T %d is written as %q, %q", v, uint8(v), text, v)
		}
	}
	for _, text := range []string{"", names[1] + " ", strings.ToUpper(names[1]), "0", "1", "unknown", strings.Repeat("x", 1000)} {
		v := T(1)
		if err := P(&v).UnmarshalText([]byte(text)); err == nil || v != 1 || len(err.Error()) > 100 {
			t.Errorf("%T from %.20q: %v, %v", v, text, v, err)
		}
	}
}
