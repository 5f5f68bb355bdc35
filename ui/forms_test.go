package ui_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

// forms is what each page posts: where to, and its fields in the order of the
// page. Other programs hang on these names.
var forms = map[string][]promisedForm{
	"login":         {{"/.sesame/login", []string{"csrf", "target", "identifier", "passcode"}}},
	"pin":           {{"/.sesame/pin", []string{"csrf", "pin", "pin_again"}}},
	"synchronise":   {{"/.sesame/synchronise", []string{"csrf", "passcode"}}},
	"nextCode":      {{"/.sesame/next-code", []string{"csrf", "code"}}},
	"logout":        {{"/.sesame/logout", []string{"csrf"}}},
	"account":       {{"/.sesame/account/language", []string{"csrf", "language"}}}, // behind its sessions, see below
	"accountPIN":    {{"/.sesame/account/pin", []string{"csrf"}}},
	"accountLost":   {{"/.sesame/account/lost", []string{"csrf", "serial"}}},
	"kept":          {{"https://notes.example.org/classe/6B?eleve=12&champ={a}|'b'&.sesame=again", []string{"csrf"}}, {"/.sesame/kept", []string{"csrf"}}},
	"passkeyAdd":    {{"/.sesame/account/passkeys/add", []string{"csrf", "name"}}},
	"passkeyRename": {{"/.sesame/account/passkeys/rename", []string{"csrf", "passkey", "name"}}},
	"passkeyRemove": {{"/.sesame/account/passkeys/remove", []string{"csrf", "passkey"}}},
	"assistance":    {{"/.sesame/assistance", append([]string{"csrf", "form"}, requestFields...)}},
	"requestUnsent": {{"/.sesame/assistance", []string{"csrf", "form", "surname", "given_name", "email", "phone", "hours", "subject", "description"}}}, // those that were typed
}

// requestFields are the fields of a request for assistance, in the order of the page.
var requestFields = []string{
	"surname", "given_name", "function", "establishment", "email", "phone", "hours", "subject", "description",
	"key", "accounts", "reference", "met", "application", "screenshot",
}

// needed are those of them that a request must have.
var needed = []string{"surname", "given_name", "subject", "description"}

// promisedForm is where a form is sent and what stands in it.
type promisedForm struct {
	action string
	fields []string
}

func TestFormsPostWhatTheyPromise(t *testing.T) {
	everyPage(t, func(t *testing.T, s states.State, _ ui.Lang, page string) {
		found := all(parse(t, page), "form")
		kind, _, _ := strings.Cut(s.Name, "-")
		want := forms[kind]
		if p, asked := s.Page.(ui.NewPIN); asked && p.Activation {
			want = []promisedForm{{want[0].action, slices.Insert(slices.Clone(want[0].fields), 1, "activation")}}
		}
		if p, own := s.Page.(ui.Account); own && len(p.Sessions) > 1 {
			want = slices.Concat(slices.Repeat([]promisedForm{{"/.sesame/account", []string{"csrf", "session"}}}, len(p.Sessions)), want)
		}
		if p, act := s.Page.(ui.ConsoleAct); act {
			want = promisedAct(p)
		}
		if p, remove := s.Page.(ui.PasskeyRemove); remove && p.Last() {
			want = nil
		}
		method := "post"
		switch s.Page.(type) {
		case ui.Console:
			method, want = "get", []promisedForm{{ui.PathConsole, []string{ui.FieldQuery}}}
		case ui.ConsoleStory:
			method, want = "get", []promisedForm{{ui.PathConsoleStory, []string{ui.FieldReference}}}
		}
		if len(found) != len(want) {
			t.Fatalf("there are %d forms, not %d", len(found), len(want))
		}
		for i, form := range found {
			encoding := ""
			if want[i].action == "/.sesame/assistance" {
				encoding = "multipart/form-data" // it has files
			}
			if get(form, "action") != want[i].action || get(form, "method") != method || get(form, "enctype") != encoding {
				t.Errorf("the form is %v", form.Attr)
			}
			var fields []string
			for _, input := range all(form, "input", "textarea") {
				fields = append(fields, get(input, "name"))
			}
			if !slices.Equal(fields, want[i].fields) {
				t.Errorf("the form posts %v, not %v", fields, want[i].fields)
			}
			if n := len(all(form, "button")) - len(revealButtons(form)); n != 1 {
				t.Errorf("there are %d ways to send the form", n)
			}
		}
	})
}

// promisedAct is the form of an act: what it is about, then what it asks for.
func promisedAct(p ui.ConsoleAct) []promisedForm {
	if p.Choosing {
		return nil
	}
	fields := []string{"csrf"}
	for _, f := range [][2]string{{"id", p.ID}, {"serial", p.Serial}, {"passkey", p.Passkey}, {"application", p.Application}, {"pending", p.Pending}} {
		if f[1] != "" {
			fields = append(fields, f[0])
		}
	}
	asked := map[ui.Act][]string{ui.ActLose: {"reason", "days"}, ui.ActDelegate: {"reason", "until"}}
	return []promisedForm{{"/.sesame/referent/" + p.Act.String(), append(fields, asked[p.Act]...)}}
}

func revealButtons(root *html.Node) []*html.Node {
	return slices.DeleteFunc(all(root, "button"), func(n *html.Node) bool {
		return get(n, "type") != "button"
	})
}

func TestConstantsAreTheFormsNames(t *testing.T) {
	for _, c := range [][2]string{
		{ui.PathLogin, forms["login"][0].action}, {ui.PathPIN, forms["pin"][0].action},
		{ui.PathSynchronise, forms["synchronise"][0].action}, {ui.PathNextCode, forms["nextCode"][0].action},
		{ui.PathLogout, forms["logout"][0].action}, {ui.PathAccount, "/.sesame/account"}, {ui.FieldSession, "session"}, {ui.AllOthers, "others"}, {ui.PathKept, forms["kept"][1].action},
		{ui.PathAssistance, forms["assistance"][0].action},
		{ui.PathPasskeyAdd, forms["passkeyAdd"][0].action}, {ui.PathPasskeyRename, forms["passkeyRename"][0].action}, {ui.PathPasskeyRemove, forms["passkeyRemove"][0].action},
		{ui.FieldName, "name"}, {ui.FieldPasskey, "passkey"},
		{ui.PathConsole, "/.sesame/referent"}, {ui.PathConsolePerson, "/.sesame/referent/person"}, {ui.PathConsoleStory, "/.sesame/referent/story"}, {ui.PathConsoleStock, "/.sesame/referent/stock"},
		{ui.PathConsoleStockCSV, "/.sesame/referent/stock.csv"}, {ui.PathConsolePending, "/.sesame/referent/pending"}, {ui.PathConsoleRequests, "/.sesame/referent/requests"},
		{ui.PathConsoleRequest, "/.sesame/referent/request"}, {ui.PathConsolePicture, "/.sesame/referent/screenshot"},
		{ui.FieldQuery, "q"}, {ui.FieldReference, "incident"}, {ui.FieldPerson, "id"}, {ui.FieldSerial, "serial"}, {ui.FieldApplication, "application"}, {ui.FieldPending, "pending"},
		{ui.FieldReason, "reason"}, {ui.FieldDays, "days"}, {ui.FieldUntil, "until"}, {ui.FieldEstablishment, "establishment"}, {ui.FieldAfter, "after"},
		{ui.PathAccountLanguage, forms["account"][0].action}, {ui.PathAccountPIN, forms["accountPIN"][0].action}, {ui.PathAccountLost, forms["accountLost"][0].action},
		{ui.FieldLanguage, "language"},
		{ui.FieldCSRF, "csrf"}, {ui.FieldTarget, "target"},
		{ui.FieldIdentifier, "identifier"}, {ui.FieldPasscode, "passcode"}, {ui.FieldPIN, "pin"},
		{ui.FieldPINAgain, "pin_again"}, {ui.FieldCode, "code"}, {ui.FieldActivation, "activation"},
	} {
		if c[0] != c[1] {
			t.Errorf("a constant is %q, the form has %q", c[0], c[1])
		}
	}
}

// autocomplete is what each field tells the browser about itself.
var autocomplete = map[string]string{
	"identifier": "username", "passcode": "one-time-code", "code": "one-time-code", "pin": "off", "pin_again": "off", "activation": "off", "name": "off",
	"surname": "family-name", "given_name": "given-name", "function": "organization-title", "establishment": "organization", "email": "email", "phone": "tel",
	"hours": "off", "subject": "off", "description": "off", "key": "off", "accounts": "off", "reference": "off", "met": "off", "application": "off", "screenshot": "",
	"q": "off", "incident": "off", "reason": "off", "days": "off", "until": "off",
}

// textual are the fields for more than digits.
var textual = []string{"identifier", "name", "q", "incident", "reason", "until"}

func TestFieldsAreLabelledAndOpenToPasting(t *testing.T) {
	everyPage(t, func(t *testing.T, s states.State, _ ui.Lang, page string) {
		root := parse(t, page)
		labels := make(map[string]string)
		for _, label := range all(root, "label") {
			labels[get(label, "for")] = words(label)
		}
		for _, input := range controls(root) {
			name := get(input, "name")
			if labels[get(input, "id")] == "" {
				t.Errorf("%s has no label", name)
			}
			want := autocomplete[name]
			if p, ok := s.Page.(ui.Login); ok && p.Passkeys && name == "identifier" {
				want += " webauthn" // where browsers offer the passkeys they know
			}
			if got := get(input, "autocomplete"); got != want {
				t.Errorf("%s has autocomplete=%q", name, got)
			}
			if numeric := get(input, "inputmode") == "numeric"; numeric == (slices.Contains(textual, name) || slices.Contains(requestFields, name)) {
				t.Errorf("%s has inputmode=%q", name, get(input, "inputmode"))
			}
			optional := slices.Contains(requestFields, name) && !slices.Contains(needed, name)
			if _, ok := attr(input, "required"); ok == optional {
				t.Errorf("%s is said to be required: %v", name, ok)
			}
			if said := strings.Contains(labels[name], "(facultatif)") || strings.Contains(labels[name], "(optional)"); said != optional {
				t.Errorf("%s is said to be optional: %v", name, said)
			}
			// These cut or refuse what is pasted before anybody can say why.
			for _, trap := range []string{"maxlength", "pattern", "readonly", "disabled", "min", "max"} {
				if _, ok := attr(input, trap); ok {
					t.Errorf("%s has %s", name, trap)
				}
			}
		}
	})
}

// A PIN is typed masked, and nothing secret comes back in a page.
func TestSecretsAreMaskedAndNeverShownAgain(t *testing.T) {
	everyPage(t, func(t *testing.T, _ states.State, _ ui.Lang, page string) {
		for _, input := range controls(parse(t, page)) {
			name := get(input, "name")
			if _, ok := attr(input, "value"); ok && !slices.Contains(textual, name) && name != "days" && !slices.Contains(requestFields, name) {
				t.Errorf("%s has a value", name)
			}
			masked := get(input, "type") == "password"
			if want := name == "passcode" || name == "pin" || name == "pin_again"; masked != want {
				t.Errorf("%s has the type %q", name, get(input, "type"))
			}
		}
	})
}

func TestTheShowButtonIsHiddenWithoutJavaScript(t *testing.T) {
	everyPage(t, func(t *testing.T, _ states.State, _ ui.Lang, page string) {
		root := parse(t, page)
		ids := byID(t, root)
		for _, button := range revealButtons(root) {
			if _, ok := attr(button, "hidden"); !ok {
				t.Error("a button that only JavaScript can work is shown without it")
			}
			for id := range strings.FieldsSeq(get(button, "data-reveal")) {
				if ids[id] == nil || get(ids[id], "type") != "password" {
					t.Errorf("the button shows %q, which is no masked field", id)
				}
			}
		}
	})
}

// errorFields is which fields each notice marks, on the pages where it is met.
var errorFields = map[string][]string{
	"login-refused":                     {"identifier", "passcode"},
	"login-codeUsed":                    {"passcode"},
	"login-nextCodeWrong":               {"passcode"},
	"login-identifierLooksLikePasscode": {"identifier"},
	"login-identifierMissing":           {"identifier"},
	"login-identifierMalformed":         {"identifier"},
	"login-passcodeMissing":             {"passcode"},
	"login-passcodeNotDigits":           {"passcode"},
	"login-passcodeTooShort":            {"passcode"},
	"login-passcodeTooLong":             {"passcode"},
	"pin-pinMissing":                    {"pin", "pin_again"},
	"pin-pinMismatch":                   {"pin", "pin_again"},
	"pin-activationMissing":             {"activation"},
	"pin-activationMalformed":           {"activation"},
	"pin-activationWrong":               {"activation"},
	"consoleAct-lost-consoleReason":     {"reason"},
	"consoleAct-lost-consoleDays":       {"days"},
	"consoleAct-delegate-consoleUntil":  {"until"},
	"consoleAct-delegate-consoleReason": {"reason"},
}

func marked(s states.State) []string {
	switch p := s.Page.(type) {
	case ui.Assistance:
		var fields []string
		for _, name := range requestFields {
			if p.Wrong[name] != 0 {
				fields = append(fields, name)
			}
		}
		return fields
	case ui.Login:
		return errorFields[s.Name]
	case ui.NewPIN:
		if fields, ok := errorFields[s.Name]; ok || !p.Notice.IsError() {
			return fields
		}
		return []string{"pin"}
	case ui.ConsoleAct:
		return errorFields[s.Name]
	case ui.PasskeyRename:
		if p.Notice.IsError() {
			return []string{"name"}
		}
	case ui.Synchronise:
		if p.Notice.IsError() {
			return []string{"passcode"}
		}
	case ui.NextCode:
		if p.Notice.IsError() {
			return []string{"code"}
		}
	}
	return nil
}

func TestErrorsAreTiedToTheirFields(t *testing.T) {
	r := renderer(t)
	everyPage(t, func(t *testing.T, s states.State, l ui.Lang, page string) {
		root := parse(t, page)
		ids := byID(t, root)
		heading, text, err := r.NoticeText(l, s.Page)
		if err != nil {
			t.Fatal(err)
		}
		var invalid []string
		for _, input := range controls(root) {
			said := description(ids, input)
			if hint := ids[get(input, "name")+"-hint"]; hint != nil && !strings.Contains(said, words(hint)) {
				t.Errorf("%s is not described by its hint", get(input, "name"))
			}
			if get(input, "aria-invalid") != "true" {
				continue
			}
			invalid = append(invalid, get(input, "name"))
			own := ids[get(input, "name")+"-error"] // of a form that has several
			if own != nil && strings.Contains(said, words(own)) {
				continue
			}
			if !strings.Contains(said, heading) && !strings.Contains(said, text) {
				t.Errorf("%s is wrong, but its description is only %q", get(input, "name"), said)
			}
		}
		if want := marked(s); !slices.Equal(invalid, want) {
			t.Errorf("the fields marked as wrong are %v, not %v", invalid, want)
		}
	})
}

// description is what a screen reader adds to a field's label.
func description(ids map[string]*html.Node, input *html.Node) string {
	var said []string
	for id := range strings.FieldsSeq(get(input, "aria-describedby")) {
		said = append(said, words(ids[id]))
	}
	return strings.Join(said, " ")
}

func TestTheFocusStartsWhereItHelps(t *testing.T) {
	everyPage(t, func(t *testing.T, s states.State, _ ui.Lang, page string) {
		root := parse(t, page)
		var focused []string
		for n := range nodes(root) {
			if _, ok := attr(n, "autofocus"); ok {
				focused = append(focused, get(n, "id"))
				if n.Data != "input" && get(n, "tabindex") != "-1" {
					t.Errorf("<%s> cannot take the focus that it asks for", n.Data)
				}
			}
			if index, ok := attr(n, "tabindex"); ok && index != "-1" {
				t.Errorf("tabindex=%q changes the order of the page", index)
			}
		}
		var want []string
		login, isLogin := s.Page.(ui.Login)
		switch {
		case len(marked(s)) > 0:
			want = []string{"notice"}
		case isLogin && login.Identifier != "":
			want = []string{"passcode"}
		case isLogin:
			want = []string{"identifier"}
		}
		if !slices.Equal(focused, want) {
			t.Errorf("the focus starts at %v, not %v", focused, want)
		}
	})
}

func TestTheIdentifierIsKeptAfterARefusal(t *testing.T) {
	r := renderer(t)
	for notice, want := range map[ui.Notice]string{
		ui.NoticeRefused:                     "cmartin",
		ui.NoticePasscodeTooShort:            "cmartin",
		ui.NoticeIdentifierMalformed:         "cmartin",
		ui.NoticeIdentifierLooksLikePasscode: "",
	} {
		root := parse(t, render(t, r, states.Plain, ui.Login{Identifier: "cmartin", Notice: notice}))
		if got := get(byID(t, root)["identifier"], "value"); got != want {
			t.Errorf("%v: the field shows %q, not %q", notice, got, want)
		}
	}
}

// Digits in the identifier's field may be a PASSCODE: they are nowhere in the
// page, whatever the caller hands over.
func TestAPasscodeInTheWrongFieldIsNotShown(t *testing.T) {
	page := render(t, renderer(t), states.Plain, ui.Login{Identifier: "5839402716", Notice: ui.NoticeIdentifierLooksLikePasscode})
	if strings.Contains(page, "5839402716") {
		t.Error("the page shows what was typed")
	}
}

func TestTheCountdownIsForThosePagesThatWait(t *testing.T) {
	everyPage(t, func(t *testing.T, s states.State, _ ui.Lang, page string) {
		var boxes []*html.Node
		for n := range nodes(parse(t, page)) {
			if _, ok := attr(n, "data-wait"); ok {
				boxes = append(boxes, n)
			}
			if live := get(n, "aria-live"); live != "" {
				t.Errorf("<%s> is a live region (%s)", n.Data, live)
			}
			if get(n, "role") == "status" && words(n) != "" {
				t.Error("the status has words before anything has happened")
			}
		}
		var known ui.Wait
		switch p := s.Page.(type) {
		case ui.Login:
			known = p.Wait
		case ui.Synchronise:
			known = p.Wait
		case ui.NextCode:
			known = p.Wait
		}
		if !known.Known() {
			if len(boxes) > 0 {
				t.Error("there is a countdown of nothing")
			}
			return
		}
		if len(boxes) != 1 {
			t.Fatalf("there are %d countdowns", len(boxes))
		}
		if get(boxes[0], "data-remaining") != "23" || get(boxes[0], "data-period") != "60" || words(boxes[0]) == "" {
			t.Errorf("the countdown is %v, %q", boxes[0].Attr, words(boxes[0]))
		}
	})
}

func TestWaitIsRoundedUpAndBounded(t *testing.T) {
	for _, c := range []struct {
		wait    ui.Wait
		known   bool
		seconds int
	}{
		{ui.Wait{}, false, 0},
		{ui.Wait{Remaining: time.Second}, false, 0},
		{ui.Wait{Remaining: 0, Period: time.Minute}, true, 0},
		{ui.Wait{Remaining: 1, Period: time.Minute}, true, 1},
		{ui.Wait{Remaining: 22*time.Second + 1, Period: time.Minute}, true, 23},
		{ui.Wait{Remaining: 23 * time.Second, Period: time.Minute}, true, 23},
		{ui.Wait{Remaining: time.Hour, Period: 30 * time.Second}, true, 30},
		{ui.Wait{Remaining: -time.Second, Period: time.Minute}, true, 0},
	} {
		if c.wait.Known() != c.known || c.wait.Seconds() != c.seconds {
			t.Errorf("%v: known %v, %d seconds", c.wait, c.wait.Known(), c.wait.Seconds())
		}
	}
}

func TestDigitsAreThoseOfTheKey(t *testing.T) {
	r := renderer(t)
	for digits, want := range map[ui.Digits]string{0: "6 chiffres", 6: "6 chiffres", 7: "7 chiffres", 8: "8 chiffres"} {
		for _, p := range []ui.Page{
			ui.Login{Digits: digits, Notice: ui.NoticePasscodeMissing}, ui.Synchronise{Digits: digits, Notice: ui.NoticeRefused},
			ui.NextCode{Digits: digits}, ui.Assistance{Digits: digits},
		} {
			text := words(parse(t, render(t, r, states.Plain, p)))
			for n := range 10 {
				other := string(rune('0'+n)) + " chiffres"
				if strings.Contains(text, other) && other != want {
					t.Errorf("%T for %d digits speaks of %q", p, digits, other)
				}
			}
		}
	}
}
