package authcore

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func allowing(rules ...Rule) Requirement { return Requirement{Terms: Terms{Allow: rules}} }

func TestDecide(t *testing.T) {
	now := benchStart
	person := Account{Identifier: "jdupont", Groups: []string{"enseignants"}, Functions: []string{"DIR"}, Establishment: "0441550W", Epoch: 2}
	session := Session{Holder: "jdupont", Epoch: 2, Idle: now.Add(time.Hour), End: now.Add(time.Hour)}
	rules := []struct {
		name string
		rule Rule
		want Decision
	}{
		{"everyone", Rule{Kind: Everyone}, Allow},
		{"the person", Rule{Kind: ToPerson, Values: []string{"other", "jdupont"}}, Allow},
		{"another person", Rule{Kind: ToPerson, Values: []string{"other"}}, Deny},
		{"a group", Rule{Kind: ToGroup, Values: []string{"enseignants"}}, Allow},
		{"another group", Rule{Kind: ToGroup, Values: []string{"Enseignants", "enseignant", "DIR"}}, Deny},
		{"a function", Rule{Kind: ToFunction, Values: []string{"DIR"}}, Allow},
		{"another function", Rule{Kind: ToFunction, Values: []string{"ADJ"}}, Deny},
		{"the establishment", Rule{Kind: ToEstablishment, Values: []string{"0441550W"}}, Allow},
		{"another establishment", Rule{Kind: ToEstablishment, Values: []string{"0693045K"}}, Deny},
		{"nothing in particular", Rule{Kind: ToGroup}, Deny},
		{"a kind that is not set", Rule{Values: []string{"jdupont", "enseignants"}}, Deny},
		{"a kind to come", Rule{Kind: 99, Values: []string{"jdupont"}}, Deny},
	}
	for _, tt := range rules {
		if got := allowing(tt.rule).Decide(session, person, Access{}, now).Decision; got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if got := (Requirement{}).Decide(session, person, Access{}, now).Decision; got != Deny {
		t.Errorf("without a rule: %v", got)
	}
	nowhere := person
	nowhere.Establishment = ""
	if got := allowing(Rule{Kind: ToEstablishment, Values: []string{""}}).Decide(session, nowhere, Access{}, now).Decision; got != Deny {
		t.Errorf("of no establishment: %v", got)
	}

	open := allowing(Rule{Kind: ToPerson, Values: []string{"other"}}, Rule{Kind: Everyone})
	shuts := map[string]func(*Session, *Account){
		"person shut out":     func(_ *Session, a *Account) { a.Disabled = true },
		"account at its end":  func(_ *Session, a *Account) { a.End = now },
		"somebody else":       func(s *Session, _ *Account) { s.Holder = "mmartin" },
		"nobody":              func(s *Session, a *Account) { s.Holder, a.Identifier = "", "" },
		"no session":          func(s *Session, _ *Account) { *s = Session{} },
		"session ended":       func(s *Session, _ *Account) { s.Ended = now },
		"session idle":        func(s *Session, _ *Account) { s.Idle = now },
		"session at its end":  func(s *Session, _ *Account) { s.End = now },
		"sessions all ended":  func(_ *Session, a *Account) { a.Epoch++ },
		"of an epoch to come": func(s *Session, _ *Account) { s.Epoch++ },
	}
	if got := open.Decide(session, person, Access{}, now).Decision; got != Allow {
		t.Fatalf("a second rule that matches: %v", got)
	}
	for name, shut := range shuts {
		s, a := session, person
		shut(&s, &a)
		if got := open.Decide(s, a, Access{}, now).Decision; got != Deny {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// partsExample is an application whose administration is for one group, whose
// directors' pages are for another, and whose signature wants a fresh code.
func partsExample() Requirement {
	return Requirement{
		Application: "notes",
		Terms:       Terms{Allow: []Rule{{Kind: ToGroup, Values: []string{"enseignants"}}}},
		Parts: []Part{
			{Paths: []string{"/admin/*"}, Terms: Terms{Allow: []Rule{{Kind: ToGroup, Values: []string{"admins"}}}}},
			{Paths: []string{"/admin/help"}, Terms: Terms{Allow: []Rule{{Kind: Everyone}}}},
			{Paths: []string{"/direction/*"}, Terms: Terms{Allow: []Rule{{Kind: ToFunction, Values: []string{"DIR"}}}}},
			{Paths: []string{"/eleves/*"}, Methods: []string{"POST", "PUT"}, Terms: Terms{MaxAge: 15 * time.Minute}},
			{Paths: []string{"/eleves/*"}, Terms: Terms{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}}},
			{Paths: []string{"/lecture/*"}, Methods: []string{"GET"}, Terms: Terms{Allow: []Rule{{Kind: Everyone}}}},
		},
	}
}

func TestParts(t *testing.T) {
	now := benchStart
	inside, outside := netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("192.0.2.1")
	tests := []struct {
		name   string
		groups string
		paths  string // all readings
		method string
		from   netip.Addr
		age    time.Duration
		want   Decision
		why    Why
		part   string
	}{
		{"the whole", "enseignants", "/x", "GET", outside, 0, Allow, ByRule, ""},
		{"the whole, no right", "parents", "/x", "GET", outside, 0, Deny, NoRule, ""},
		{"a part for others", "enseignants", "/admin/x", "GET", outside, 0, Deny, NoRule, "/admin/*"},
		{"a prefix without its slash", "enseignants", "/admin", "GET", outside, 0, Deny, NoRule, "/admin/*"},
		{"what only begins like it", "enseignants", "/administration", "GET", outside, 0, Allow, ByRule, ""},
		{"a part, its own group", "admins", "/admin/x", "DELETE", outside, 0, Allow, ByRule, "/admin/*"},
		{"the whole, a part's group", "admins", "/x", "GET", outside, 0, Deny, NoRule, ""},
		{"the exact path says more", "enseignants", "/admin/help", "GET", outside, 0, Allow, ByRule, "/admin/help"},
		{"below the exact path", "enseignants", "/admin/help/x", "GET", outside, 0, Deny, NoRule, "/admin/*"},
		{"two readings, one for others", "enseignants", "/x /admin/x", "GET", outside, 0, Deny, NoRule, "/admin/*"},
		{"two readings, in the other order", "enseignants", "/admin/x /x", "GET", outside, 0, Deny, NoRule, "/admin/*"},
		{"two readings, a right to both", "enseignants admins", "/admin/x /x", "GET", outside, 0, Allow, ByRule, "/admin/*"},
		{"from the network", "enseignants", "/eleves/7", "GET", inside, 0, Allow, ByRule, "/eleves/*"},
		{"from elsewhere", "enseignants", "/eleves/7", "GET", outside, 0, Deny, WrongNetwork, "/eleves/*"},
		{"from nowhere", "enseignants", "/eleves/7", "GET", netip.Addr{}, 0, Deny, WrongNetwork, "/eleves/*"},
		{"the method says more", "enseignants", "/eleves/7", "POST", outside, 14 * time.Minute, Allow, ByRule, "/eleves/*"},
		{"a code too old", "enseignants", "/eleves/7", "POST", outside, 15 * time.Minute, StepUp, CodeTooOld, "/eleves/*"},
		{"two methods, one too old", "enseignants", "/eleves/7", "GET POST", inside, 15 * time.Minute, StepUp, CodeTooOld, "/eleves/*"},
		{"two methods, one from elsewhere", "enseignants", "/eleves/7", "POST GET", outside, 15 * time.Minute, Deny, WrongNetwork, "/eleves/*"},
		{"no right and too old", "parents", "/eleves/7", "POST", outside, time.Hour, Deny, NoRule, "/eleves/*"},
		{"HEAD is GET", "parents", "/lecture/x", "HEAD", outside, 0, Allow, ByRule, "/lecture/*"},
		{"a method without a part", "parents", "/lecture/x", "POST", outside, 0, Deny, NoRule, ""},
		{"no method", "enseignants", "/x", "", outside, 0, Deny, NoRule, ""},
	}
	for _, tt := range tests {
		a := Account{Identifier: "jdupont", Groups: strings.Fields(tt.groups)}
		s := Session{Holder: "jdupont", Began: now.Add(-tt.age), Idle: now.Add(time.Hour), End: now.Add(time.Hour)}
		got := partsExample().Decide(s, a, Access{Address: tt.from, Paths: strings.Fields(tt.paths), Methods: strings.Fields(tt.method)}, now)
		if got.Decision != tt.want || got.Why != tt.why || got.Part != tt.part {
			t.Errorf("%s: %d, %s by %q; want %d, %s by %q", tt.name, got.Decision, got.Why, got.Part, tt.want, tt.why, tt.part)
		}
	}
}

// More readings never open more.
func TestReadingsOnlyNarrow(t *testing.T) {
	paths := []string{"/x", "/admin", "/admin/x", "/admin/help", "/direction/", "/eleves/1", "/lecture/", "/"}
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE"}
	rapid.Check(t, func(t *rapid.T) {
		now := benchStart
		groups := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"enseignants", "admins", "parents"}), rapid.ID).Draw(t, "groups")
		a := Account{Identifier: "jdupont", Groups: groups}
		s := Session{Holder: "jdupont", Began: now.Add(-time.Duration(rapid.IntRange(0, 30).Draw(t, "age")) * time.Minute), Idle: now.Add(time.Hour), End: now.Add(time.Hour)}
		draw := func(from []string, what string) []string {
			return rapid.SliceOfN(rapid.SampledFrom(from), 1, 3).Draw(t, what)
		}
		one, more := draw(paths, "paths"), draw(paths, "more paths")
		m, moreMethods := draw(methods, "methods"), draw(methods, "more methods")
		narrow := partsExample().Decide(s, a, Access{Paths: one, Methods: m}, now)
		wide := partsExample().Decide(s, a, Access{Paths: slices.Concat(one, more), Methods: slices.Concat(m, moreMethods)}, now)
		if wide.Decision > narrow.Decision {
			t.Fatalf("%v %v: %d; with %v %v as well: %d", m, one, narrow.Decision, moreMethods, more, wide.Decision)
		}
	})
}

// A delegation opens the application as a whole until its moment, and no part
// that has rules of its own.
func TestDelegations(t *testing.T) {
	b := newBench(t)
	d := Delegation{Application: "notes", Until: b.clock().Add(time.Hour), Reason: "stands in for M. Martin"}
	b.must(b.Delegate(t.Context(), Actor{Name: "RC"}, "jdupont", d))
	decide := func(path string) Ruling {
		a, err := b.Account(t.Context(), "jdupont")
		mustBeNil(t, err)
		a.Groups = nil // no right of their own
		s := Session{Holder: "jdupont", Epoch: a.Epoch, Began: b.clock(), Idle: b.clock().Add(time.Hour), End: b.clock().Add(time.Hour)}
		return partsExample().Decide(s, a, Access{Paths: []string{path}, Methods: []string{"POST"}}, b.clock())
	}
	want := func(path string, d Decision, w Why) {
		t.Helper()
		if got := decide(path); got.Decision != d || got.Why != w {
			t.Errorf("%s: %d, %s; want %d, %s", path, got.Decision, got.Why, d, w)
		}
	}
	want("/x", Allow, ByDelegation)
	want("/eleves/1", Allow, ByDelegation)
	want("/admin/x", Deny, NoRule)
	b.pass(time.Hour - 1)
	want("/x", Allow, ByDelegation)
	b.pass(1)
	want("/x", Deny, NoRule)

	if err := b.EndDelegation(t.Context(), by, "jdupont", "notes"); !errors.Is(err, ErrNotFound) {
		t.Errorf("ending one that has ended: %v", err)
	}
	d.Until = b.clock().Add(time.Hour)
	b.must(b.Delegate(t.Context(), by, "jdupont", d))
	d.Until = b.clock().Add(2 * time.Hour)
	b.must(b.Delegate(t.Context(), by, "jdupont", d))
	if a, _ := b.Account(t.Context(), "jdupont"); len(a.Delegations) != 1 || !a.Delegations[0].Until.Equal(d.Until) || a.Delegations[0].By != by.Name {
		t.Errorf("given anew: %+v", a.Delegations)
	}
	want("/x", Allow, ByDelegation)
	b.must(b.EndDelegation(t.Context(), by, "jdupont", "notes"))
	want("/x", Deny, NoRule)
	if given, ended := b.eventsOf(kindIs(DelegationGiven)), b.count(DelegationEnded); len(given) != 3 || ended != 1 || given[0].Actor != "RC" || !strings.Contains(given[0].Detail, "stands in for") {
		t.Errorf("written down: %d given, %d ended", len(given), ended)
	}
}

func TestDelegationsAreBounded(t *testing.T) {
	b := newBench(t)
	good := Delegation{Application: "notes", Until: b.clock().Add(time.Hour), Reason: "holidays"}
	for name, change := range map[string]func(*Delegation){
		"no application":     func(d *Delegation) { d.Application = "" },
		"over already":       func(d *Delegation) { d.Until = b.clock() },
		"longer than a year": func(d *Delegation) { d.Until = b.clock().Add(maxDelegation + 1) },
		"no reason":          func(d *Delegation) { d.Reason = "" },
		"an odd reason":      func(d *Delegation) { d.Reason = "a\nb" },
	} {
		d := good
		if change(&d); b.Delegate(t.Context(), by, "jdupont", d) == nil {
			t.Errorf("%s: given", name)
		}
	}
	for n := range maxDelegations {
		d := good
		d.Application = "application-" + string(rune('a'+n%26)) + string(rune('a'+n/26))
		b.must(b.Delegate(t.Context(), by, "jdupont", d))
	}
	if err := b.Delegate(t.Context(), by, "jdupont", good); err == nil {
		t.Error("one delegation too many was given")
	}
	if err := b.Delegate(t.Context(), by, "nobody.here", good); !errors.Is(err, ErrNotFound) {
		t.Errorf("to nobody: %v", err)
	}
	b.pass(2 * time.Hour)
	good.Until = b.clock().Add(time.Hour)
	b.must(b.Delegate(t.Context(), by, "jdupont", good))
	if a, _ := b.Account(t.Context(), "jdupont"); len(a.Delegations) != 1 {
		t.Errorf("%d delegations stand there after they ended", len(a.Delegations))
	}
}
