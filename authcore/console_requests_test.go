package authcore

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/screenshot"
)

// A referent reads the requests of their own establishments; one whose scope has
// become empty reads none.
func TestConsoleRequests(t *testing.T) {
	b := consoleBench(t)
	for nonce, id := range map[string]Identifier{"a": "jdupont", "b": "mmartin"} {
		a := b.account(id)
		_, err := b.Ask(t.Context(), nonce, requestFor(id), &a, Source{})
		b.must(err)
	}
	want := func(who, of Identifier, n int) {
		t.Helper()
		list, err := b.clerk(who).Requests(t.Context(), "", 10)
		if err != nil || len(list) != n || n == 1 && list[0].Holder != of {
			t.Errorf("%s reads %+v, %v", who, list, err)
		}
	}
	want("rlycee", "jdupont", 1)
	want("rnord", "mmartin", 1)
	want("oper", "", 2)
	all, err := b.clerk("oper").Requests(t.Context(), "", 1)
	b.must(err)
	rest, err := b.clerk("oper").Requests(t.Context(), all[0].Reference, 10)
	if err != nil || len(rest) != 1 || rest[0].Reference == all[0].Reference {
		t.Errorf("behind the first one: %+v, %v", rest, err)
	}
	mine := map[Identifier]Identifier{"jdupont": "rlycee", "mmartin": "rnord"}
	for _, r := range append(all, rest...) {
		for holder, who := range mine {
			list, err := b.clerk(who).Requests(t.Context(), r.Reference, 10)
			barred, _ := errors.AsType[*BarredError](err)
			if own := holder == r.Holder; own != (err == nil) || !own && (barred == nil || barred.Bar != BarScope) || len(list) > 0 {
				t.Errorf("%s reads on behind the one of %s: %+v, %v", who, r.Holder, list, err)
			}
		}
	}
	want("audit", "", 2)
	b.Gate = b.WithConsole(ConsoleRules{})
	want("rnord", "", 0)
	_, err = b.clerk("jdupont").Requests(t.Context(), "", 10)
	if barred, ok := errors.AsType[*BarredError](err); !ok || barred.Bar != BarRole {
		t.Errorf("a holder: %v", err)
	}
}

// One request, with who sent it and its screenshots, is read by who may see it and by
// nobody else: for these it does not exist.
func TestConsoleRequest(t *testing.T) {
	b := consoleBench(t)
	ask := func(form string, r Request, holder *Account) Reference {
		r.Screenshots = []screenshot.Image{picture(t)}
		return b.asks(form, r, holder).Reference
	}
	jeanne := b.account("jdupont")
	hers := ask("hers", requestFor("jdupont"), &jeanne)
	typed := requestFor("jdupont")
	typed.Establishment = "le lycée (" + lycee + ")"
	strangers := ask("stranger", typed, nil)
	nowhere := ask("nowhere", requestFor("jdupont"), nil)
	for what, c := range map[string]struct {
		who    Identifier
		ref    Reference
		bar    Bar
		sender Identifier
	}{
		"her referent":              {"rlycee", hers, NoBar, "jdupont"},
		"an operator":               {"oper", hers, NoBar, "jdupont"},
		"an auditor":                {"audit", hers, NoBar, "jdupont"},
		"a referent elsewhere":      {"rnord", hers, BarScope, ""},
		"she herself":               {"jdupont", hers, BarRole, ""},
		"a stranger's":              {"rlycee", strangers, NoBar, ""},
		"a stranger's, elsewhere":   {"rnord", strangers, BarScope, ""},
		"of no establishment":       {"rlycee", nowhere, BarScope, ""},
		"of none, for an operator":  {"oper", nowhere, NoBar, ""},
		"none":                      {"rlycee", "0000-0000", BarScope, ""},
		"none, for an operator":     {"oper", "0000-0000", BarScope, ""},
		"none, for a mere holder":   {"jdupont", "0000-0000", BarRole, ""},
		"none that could be a name": {"oper", "../../../", BarScope, ""},
	} {
		got, sender, err := b.clerk(c.who).Request(t.Context(), c.ref)
		image, errImage := b.clerk(c.who).Screenshot(t.Context(), c.ref, 1)
		for _, err := range []error{err, errImage} {
			barred, ok := errors.AsType[*BarredError](err)
			if err != nil && !ok || ok != (c.bar != NoBar) || ok && barred.Bar != c.bar {
				t.Errorf("%s: %v, want %s", what, err, c.bar)
			}
		}
		if sender.Identifier != c.sender {
			t.Errorf("%s: sent by %q, want %q", what, sender.Identifier, c.sender)
		}
		if told := got.Description == typed.Description && bytes.Equal(image.Bytes(), picture(t).Bytes()); told != (c.bar == NoBar) {
			t.Errorf("%s: told is %+v, with %d bytes", what, got, len(image.Bytes()))
		}
	}
	for _, n := range []int{-1, 0, 2} {
		_, err := b.clerk("oper").Screenshot(t.Context(), hers, n)
		if barred, ok := errors.AsType[*BarredError](err); !ok || barred.Bar != BarScope {
			t.Errorf("screenshot %d: %v", n, err)
		}
	}
	// She has moved: the request stays the establishment's, and she is not its affair.
	b.must(b.SetAccount(t.Context(), by, Account{Identifier: "jdupont", Establishment: college}, []AccountField{FieldEstablishment}))
	if r, sender, err := b.clerk("rlycee").Request(t.Context(), hers); err != nil || r.Holder != "jdupont" || sender.Identifier != "" {
		t.Errorf("after she has moved: of %q, %q is shown, %v", r.Holder, sender.Identifier, err)
	}
	b.pass(b.Policy().Requests)
	if _, _, err := b.clerk("oper").Request(t.Context(), hers); err == nil {
		t.Error("it is read when its time is over")
	}
}
