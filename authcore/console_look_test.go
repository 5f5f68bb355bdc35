package authcore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (b *bench) finds(c Clerk, q ConsoleQuery) string {
	b.t.Helper()
	var ids []string
	for {
		res, err := c.Search(b.t.Context(), q)
		b.must(err)
		for _, a := range res.People {
			ids = append(ids, string(a.Identifier))
		}
		if q.After = res.Next; q.After == "" {
			return strings.Join(ids, " ")
		}
	}
}

func TestConsoleSearch(t *testing.T) {
	b := consoleBench(t)
	b.must(b.SetAccount(t.Context(), by, Account{Identifier: "mmartin", GivenName: "Élodie", Surname: "Noël-Crêpé"}, []AccountField{FieldGivenName, FieldSurname}))
	lyceeClerk, nord, oper, audit := b.clerk("rlycee"), b.clerk("rnord"), b.clerk("oper"), b.clerk("audit")
	for _, c := range []struct {
		clerk Clerk
		q     ConsoleQuery
		want  string
	}{
		{lyceeClerk, ConsoleQuery{}, "audit jdupont oper rlycee rnord"},
		{lyceeClerk, ConsoleQuery{Text: "JDUP"}, "jdupont"},
		{lyceeClerk, ConsoleQuery{Text: "6789"}, "jdupont"},
		{lyceeClerk, ConsoleQuery{Text: "0123456789"}, "jdupont"},
		{lyceeClerk, ConsoleQuery{Text: "OTHER-1"}, ""},
		{lyceeClerk, ConsoleQuery{Text: "mmartin"}, ""},
		{lyceeClerk, ConsoleQuery{Establishment: college}, ""},
		{lyceeClerk, ConsoleQuery{Text: "../../key/0123456789\x00"}, ""},
		{nord, ConsoleQuery{Text: "elodie noel"}, "mmartin"},
		{nord, ConsoleQuery{Text: "crepe"}, "mmartin"},
		{nord, ConsoleQuery{Text: "er-1"}, "mmartin"},
		{nord, ConsoleQuery{Text: "jdupont"}, ""},
		{oper, ConsoleQuery{Text: "nobody"}, ""},
		{oper, ConsoleQuery{Text: "mmartin"}, "mmartin"},
		{audit, ConsoleQuery{Establishment: college}, "mmartin"},
		{audit, ConsoleQuery{Text: "jeanne", Establishment: lycee}, "audit jdupont oper rlycee rnord"},
	} {
		if got := b.finds(c.clerk, c.q); got != c.want {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
	for _, id := range []Identifier{"jdupont", "mmartin"} {
		_, err := b.clerk(id).Search(t.Context(), ConsoleQuery{})
		if barred, ok := errors.AsType[*BarredError](err); !ok || barred.Bar != BarRole {
			t.Errorf("%s searches: %v", id, err)
		}
	}
}

// However many there are, a page is bounded, and the pages together are everybody.
func TestConsoleSearchPages(t *testing.T) {
	b := consoleBench(t)
	for i := range 2*consolePage + 7 {
		id := Identifier(fmt.Sprintf("p%03d", i))
		b.must(b.AddAccount(t.Context(), by, Account{Identifier: id, Surname: "Page", Establishment: college}))
	}
	b.must(b.GiveRole(t.Context(), by, "rlycee", Office{Role: RoleReferent, Establishments: []string{lycee, college}}))
	for _, who := range []Identifier{"rlycee", "oper"} {
		c := b.clerk(who)
		res, err := c.Search(t.Context(), ConsoleQuery{Text: "page"})
		if err != nil || len(res.People) != consolePage || res.Next == "" {
			t.Fatalf("%s: the first page has %d people, and goes on at %q: %v", who, len(res.People), res.Next, err)
		}
		if got := strings.Fields(b.finds(c, ConsoleQuery{Text: "page"})); len(got) != 2*consolePage+7 || got[0] != "p000" || got[106] != "p106" {
			t.Errorf("%s: %d people", who, len(got))
		}
	}
}

func TestConsolePerson(t *testing.T) {
	b := consoleBench(t)
	b.inService("jdupont", pin)
	refused := b.denied(b.login("jdupont", pin+b.shows(500)))
	p, err := b.clerk("rlycee").Person(t.Context(), "jdupont")
	if err != nil || p.Account.Identifier != "jdupont" || len(p.Keys) != 1 || p.Blind != 1 || p.Events[0].Reference != refused.Reference {
		t.Errorf("%+v, %v", p, err)
	}
	story, err := b.clerk("rlycee").Story(t.Context(), refused.Reference)
	if err != nil || len(story) == 0 || story[0].Holder != "jdupont" {
		t.Errorf("the story: %+v, %v", story, err)
	}
	unknown := b.denied(b.login("nobody.here", pin+b.shows(0)))
	for what, look := range map[string]func() error{
		"a person elsewhere": func() error { _, err := b.clerk("rnord").Person(t.Context(), "jdupont"); return err },
		"nobody":             func() error { _, err := b.clerk("rnord").Person(t.Context(), "nobody.here"); return err },
		"a story elsewhere":  func() error { _, err := b.clerk("rnord").Story(t.Context(), refused.Reference); return err },
		"nobody's story":     func() error { _, err := b.clerk("rlycee").Story(t.Context(), unknown.Reference); return err },
		"no story":           func() error { _, err := b.clerk("oper").Story(t.Context(), "0000-0000"); return err },
		"stock elsewhere":    func() error { _, err := b.clerk("rnord").Stock(t.Context(), lycee); return err },
	} {
		if barred, ok := errors.AsType[*BarredError](look()); !ok || barred.Bar != BarScope {
			t.Errorf("%s: %v", what, look())
		}
	}
}

func TestStock(t *testing.T) {
	b := consoleBench(t)
	ctx := t.Context()
	for _, serial := range []Serial{"S-SENT", "S-SAFE", "S-ASSIGNED", "S-BACK", "S-LOST", "S-GONE", "S-MOVED"} {
		b.addKey(serial)
		b.must(b.SendKey(ctx, by, serial, lycee))
		if serial != "S-SENT" && serial != "S-MOVED" {
			b.must(b.ReceiveKey(ctx, by, serial))
		}
	}
	b.must(b.SendKey(ctx, by, "S-MOVED", college))
	for _, serial := range []Serial{"S-ASSIGNED", "S-BACK", "S-LOST"} {
		b.must(b.AssignKey(ctx, by, serial, "jdupont"))
	}
	b.must(b.HandOverKey(ctx, by, "0123456789"))
	b.must(b.ReturnKey(ctx, by, "S-BACK"))
	b.must(b.LoseKey(ctx, by, "S-LOST"))
	b.must(b.RetireKey(ctx, by, "S-GONE"))
	keys, err := b.clerk("audit").Stock(ctx, lycee)
	mustBeNil(t, err)
	got := map[Serial]string{}
	for _, k := range keys {
		got[k.Serial] = k.Place().String()
	}
	want := map[Serial]string{"0123456789": "handed-over", "S-SENT": "sent", "S-SAFE": "safe", "S-ASSIGNED": "assigned", "S-BACK": "returned", "S-LOST": "lost", "S-GONE": "retired"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the stock (-want +got):\n%s", diff)
	}
	if err := b.ReceiveKey(ctx, by, "S-SAFE"); !errors.Is(err, ErrState) {
		t.Errorf("received twice: %v", err)
	}
	if err := b.SendKey(ctx, by, "S-ASSIGNED", college); !errors.Is(err, ErrState) {
		t.Errorf("somebody's key is sent: %v", err)
	}
	if err := b.SendKey(ctx, by, "S-SAFE", "0441550X"); err == nil {
		t.Error("sent to no establishment")
	}
}

func TestNextSchoolYear(t *testing.T) {
	paris := time.FixedZone("CEST", 7200)
	for now, want := range map[time.Time]int{
		time.Date(2026, 8, 31, 23, 59, 59, 0, paris): 2026, time.Date(2026, 9, 1, 0, 0, 0, 0, paris): 2027, time.Date(2027, 1, 5, 0, 0, 0, 0, paris): 2027,
	} {
		if got := NextSchoolYear(now); !got.Equal(time.Date(want, 9, 1, 0, 0, 0, 0, paris)) {
			t.Errorf("after %s: %s", now, got)
		}
	}
}
