package authcore

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Every role does every deed to everybody: what comes of it is one table.
func TestJudge(t *testing.T) {
	now := benchStart
	rules := ConsoleRules{Groups: map[string][]string{"nord": {college}}}
	session := func(id Identifier, age time.Duration) Session {
		return Session{ID: "s", Holder: id, Began: now.Add(-age), Idle: now.Add(time.Hour), End: now.Add(time.Hour)}
	}
	office := map[Role]Office{
		RoleHolder: {}, RoleReferent: {Role: RoleReferent, Establishments: []string{lycee}},
		RoleOperator: {Role: RoleOperator}, RoleAuditor: {Role: RoleAuditor},
	}
	actor := func(r Role) Account { return Account{Identifier: "actor", Establishment: lycee, Office: office[r]} }
	subjects := map[string]Subject{
		"somebody there": {Holder: "jdupont", Establishments: []string{lycee}},
		"elsewhere":      {Holder: "mmartin", Establishments: []string{college}},
		"nowhere":        {Holder: "mmartin"},
		"oneself":        {Holder: "actor", Establishments: []string{lycee}},
		"a referent":     {Holder: "other", Establishments: []string{lycee}, Office: office[RoleReferent]},
		"an operator":    {Holder: "other", Establishments: []string{lycee}, Office: office[RoleOperator]},
		"its stock":      {Establishments: []string{lycee}},
		"other stock":    {Establishments: []string{college}},
		"no stock":       {Establishments: []string{""}},
	}
	outside := map[string]bool{"elsewhere": true, "nowhere": true, "other stock": true, "no stock": true}
	want := func(r Role, d Deed, on string, stale bool) Bar {
		looks := d == DeedLook || d == DeedStock
		switch {
		case r == RoleHolder, r == RoleAuditor && !looks, r == RoleReferent && d == DeedConfirm:
			return BarRole
		case r == RoleReferent && outside[on]:
			return BarScope
		case looks:
			return NoBar
		case on == "oneself":
			return BarOneself
		case r == RoleReferent && (on == "a referent" || on == "an operator"):
			return BarOffice
		case stale:
			return BarStale
		}
		return NoBar
	}
	for r := RoleHolder; r <= RoleAuditor; r++ {
		for _, d := range Deeds() {
			for on, subject := range subjects {
				for _, age := range []time.Duration{Fresh - 1, Fresh} {
					if got := rules.Judge(session("actor", age), actor(r), d, subject, now); got != want(r, d, on, age == Fresh) {
						t.Errorf("%s, %s on %s, proof %s old: %s, want %s", r, d, on, age, got, want(r, d, on, age == Fresh))
					}
				}
				for what, s := range map[string]Session{"somebody else's session": session("jdupont", 0), "no session": {}, "an application's": {Holder: "actor", Parent: "p", Idle: now.Add(1), End: now.Add(1)}} {
					if got := rules.Judge(s, actor(r), d, subject, now); got != BarShut {
						t.Errorf("%s, %s in %s: %s", r, d, what, got)
					}
				}
				closed := actor(r)
				closed.Disabled = true
				if got := rules.Judge(session("actor", 0), closed, d, subject, now); got != BarShut {
					t.Errorf("%s, disabled, %s: %s", r, d, got)
				}
			}
			if got := rules.Judge(session("actor", 0), actor(r), d+100, subjects["somebody there"], now); got == NoBar {
				t.Errorf("%s does what there is not", r)
			}
		}
	}
	if got := rules.Judge(session("actor", 0), Account{Identifier: "actor", Office: Office{Role: 77}}, DeedLook, subjects["somebody there"], now); got != BarRole {
		t.Errorf("an unknown role: %s", got)
	}
}

// clerk is somebody at work in the console with a session of just now.
func (b *bench) clerk(id Identifier) Clerk {
	b.t.Helper()
	s := Session{ID: Token(NewNonce()).id(), Holder: id, Method: MethodOTP, Epoch: b.account(id).Epoch, Began: b.clock(), Seen: b.clock(), Idle: b.clock().Add(time.Hour), End: b.clock().Add(time.Hour)}
	b.must(b.store.Update(b.t.Context(), func(w store.Writer) error {
		return write(b.secrets(), w, sessionName(s.ID), sessionRecord(s), time.Time{})
	}))
	return b.Clerk(s, b.from)
}

// deeds are the clerk's methods that change something, each played on Jeanne.
var deeds = map[Deed]func(*bench, Clerk, Identifier, Serial) error{
	DeedClearPIN: func(b *bench, c Clerk, id Identifier, s Serial) error { return c.ClearPIN(b.t.Context(), s, id) },
	DeedUnlock:   func(b *bench, c Clerk, id Identifier, s Serial) error { return c.Unlock(b.t.Context(), s, id) },
	DeedHandOver: func(b *bench, c Clerk, id Identifier, s Serial) error { return c.HandOver(b.t.Context(), s, id) },
	DeedReturn:   func(b *bench, c Clerk, id Identifier, s Serial) error { return c.Return(b.t.Context(), s, id) },
	DeedAssign:   func(b *bench, c Clerk, id Identifier, _ Serial) error { return c.Assign(b.t.Context(), "STOCK-1", id) },
	DeedReceive:  func(b *bench, c Clerk, _ Identifier, _ Serial) error { return c.Receive(b.t.Context(), "SENT-1") },
	DeedLose: func(b *bench, c Clerk, id Identifier, s Serial) error {
		_, err := c.Lose(b.t.Context(), s, id, EmergencyOrder{Codes: 3, Reason: "left in a train", For: day})
		return err
	},
	DeedDelegate: func(b *bench, c Clerk, id Identifier, _ Serial) error {
		return c.Delegate(b.t.Context(), id, Delegation{Application: "notes", Until: b.clock().Add(day), Reason: "holidays"})
	},
	DeedUndelegate: func(b *bench, c Clerk, id Identifier, _ Serial) error {
		return c.EndDelegation(b.t.Context(), id, "notes")
	},
	DeedRevokePasskey: func(b *bench, c Clerk, id Identifier, _ Serial) error {
		return c.RevokePasskey(b.t.Context(), id, "Phone")
	},
	DeedConfirm: func(b *bench, c Clerk, _ Identifier, _ Serial) error {
		list, err := b.Pendings(b.t.Context())
		b.must(err)
		_, err = c.Confirm(b.t.Context(), list[0].ID)
		return err
	},
}

// readyFor prepares what a deed on jdupont needs.
func (b *bench) readyFor(d Deed) {
	b.t.Helper()
	ctx := b.t.Context()
	b.addsPasskey(b.inService("jdupont", pin).Token, newAuthenticator(), "Phone")
	for _, serial := range []Serial{"STOCK-1", "SENT-1"} {
		b.addKey(serial)
		b.must(b.SendKey(ctx, by, serial, lycee))
	}
	b.must(b.ReceiveKey(ctx, by, "STOCK-1"))
	switch d {
	case DeedUnlock:
		b.change("0123456789", func(k *Key) { k.State = Locked })
	case DeedUndelegate:
		b.must(b.Delegate(ctx, by, "jdupont", Delegation{Application: "notes", Until: b.clock().Add(day), Reason: "holidays"}))
	case DeedConfirm:
		b.Gate = b.WithConsole(ConsoleRules{FourEyes: FourEyes{SecondFactor: true}})
		b.awaits(b.RetireKey(ctx, alice, "0123456789"))
	}
}

// The matrix: every method of the clerk, by everybody who may not. Nothing is
// written, not even that it was tried.
func TestClerkRefused(t *testing.T) {
	for _, d := range Deeds() {
		if d.looks() {
			continue
		}
		do, ok := deeds[d]
		if !ok {
			t.Errorf("%s is not played", d)
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			b := consoleBench(t)
			b.readyFor(d)
			refused := func(what string, c Clerk, bar Bar) {
				t.Helper()
				before := b.dump()
				err := do(b, c, "jdupont", "0123456789")
				barred, ok := errors.AsType[*BarredError](err)
				if !ok || barred.Bar != bar {
					t.Errorf("%s: %v, want %s", what, err, bar)
				}
				if b.dump() != before {
					t.Errorf("%s: something was written", what)
				}
			}
			refused("a holder", b.clerk("mmartin"), BarRole)
			refused("an auditor", b.clerk("audit"), BarRole)
			if d != DeedConfirm {
				refused("a referent elsewhere", b.clerk("rnord"), BarScope)
			}
			if d != DeedReceive {
				b.must(b.GiveRole(t.Context(), by, "jdupont", Office{Role: RoleOperator}))
				refused("oneself", b.clerk("jdupont"), BarOneself)
				if d != DeedConfirm {
					refused("the referent, on an operator", b.clerk("rlycee"), BarOffice)
				}
				b.must(b.EndRole(t.Context(), by, "jdupont"))
			}
			late, ended := b.clerk("oper"), b.clerk("oper")
			b.must(b.End(t.Context(), ended.session, Source{}))
			b.pass(Fresh)
			refused("a stale proof", late, BarStale)
			refused("an ended session", ended, BarShut)
			gone := b.clerk("oper")
			b.must(b.EndRole(t.Context(), by, "oper"))
			refused("a role that has ended meanwhile", gone, BarRole)
		})
	}
}

// What each role may do is done, and written down as theirs.
func TestClerk(t *testing.T) {
	for d, do := range deeds {
		for _, who := range []Identifier{"rlycee", "oper"} {
			if d == DeedConfirm && who == "rlycee" {
				continue
			}
			t.Run(d.String()+" by "+string(who), func(t *testing.T) {
				b := consoleBench(t)
				b.readyFor(d)
				before := len(b.events())
				mustBeNil(t, do(b, b.clerk(who), "jdupont", "0123456789"))
				after := b.events()
				if len(after) == before {
					t.Fatal("nothing is written down")
				}
				mine := b.eventsOf(func(e Event) bool { return e.Address == "192.0.2.1" && e.Actor != "" })
				want := string(who) + " (console)"
				if d == DeedConfirm {
					want += ", asked by " + alice.Name
				}
				if len(mine) == 0 || mine[0].Actor != want {
					t.Errorf("written down: %+v", mine)
				}
			})
		}
	}
}

// A page that was confirmed late does nothing to somebody else's key, and a key that
// is not in the stock is not given.
func TestClerkMeanwhile(t *testing.T) {
	b := consoleBench(t)
	b.readyFor(DeedUnlock)
	b.addPerson("colleague")
	b.at("colleague", lycee)
	c := b.clerk("rlycee")
	if err := c.Unlock(t.Context(), "0123456789", "colleague"); !errors.Is(err, ErrState) {
		t.Errorf("the key of another: %v", err)
	}
	b.addKey("FREE-1")
	b.addKey("THEIRS-1")
	b.must(b.SendKey(t.Context(), by, "THEIRS-1", college))
	b.must(b.ReceiveKey(t.Context(), by, "THEIRS-1"))
	for _, serial := range []Serial{"FREE-1", "THEIRS-1", "SENT-1"} {
		if err := c.Assign(t.Context(), serial, "colleague"); !errors.Is(err, ErrNotInStock) {
			t.Errorf("%s: %v", serial, err)
		}
	}
	b.must(b.clerk("oper").Assign(t.Context(), "FREE-1", "colleague"))
	if err := c.Delegate(t.Context(), "jdupont", Delegation{Application: "payroll", Until: b.clock().Add(day), Reason: "x"}); !errors.Is(err, ErrDelegation) {
		t.Errorf("an application that is not delegable: %v", err)
	}
	// What comes back goes into the safe of the establishment.
	b.must(c.Return(t.Context(), "FREE-1", "colleague"))
	if k := b.stored("FREE-1"); k.Stock != lycee || k.Received.IsZero() || k.Returned.IsZero() || k.Holder != "" {
		t.Errorf("the key that came back is %+v", k.Info())
	}
	b.must(c.Assign(t.Context(), "FREE-1", "jdupont"))
	if diff := cmp.Diff([]Serial{"0123456789", "FREE-1"}, b.account("jdupont").Keys); diff != "" {
		t.Errorf("the keys (-want +got):\n%s", diff)
	}
}

// Four eyes hold for a referent as for an operator.
func TestClerkFourEyes(t *testing.T) {
	b := consoleBench(t)
	b.readyFor(DeedReturn)
	b.Gate = b.WithConsole(ConsoleRules{FourEyes: FourEyes{SecondFactor: true}})
	p := b.awaits(b.clerk("rlycee").Return(t.Context(), "0123456789", "jdupont"))
	if p.Who != "rlycee" || b.key1().Holder != "jdupont" {
		t.Errorf("%+v", p)
	}
	b.must(b.clerk("oper").Withdraw(t.Context(), p.ID))
	p = b.awaits(b.clerk("oper").Return(t.Context(), "0123456789", "jdupont"))
	if _, err := b.clerk("oper").Confirm(t.Context(), p.ID); !errors.Is(err, ErrOwnPending) {
		t.Errorf("confirmed by who asked: %v", err)
	}
	if _, err := b.Confirm(t.Context(), Actor{Name: "oper (unix socket)", Who: "oper"}, p.ID); !errors.Is(err, ErrOwnPending) {
		t.Errorf("confirmed by who asked, at the endpoint: %v", err)
	}
	b.must(errors.Join(func() error { _, err := b.Confirm(t.Context(), bob, p.ID); return err }()))
	if b.key1().Holder != "" {
		t.Error("it is not done")
	}
}

// Emergency codes come once, behind a reason; a key without a PIN is lost without any.
func TestClerkLose(t *testing.T) {
	b := consoleBench(t)
	b.readyFor(DeedLose)
	c := b.clerk("rlycee")
	order := EmergencyOrder{Codes: 3, Reason: "left in a train", For: day}
	codes, err := c.Lose(t.Context(), "0123456789", "jdupont", order)
	if err != nil || len(codes) != 3 || b.key1().State != Lost {
		t.Fatalf("%d codes, %v", len(codes), err)
	}
	again, err := c.Lose(t.Context(), "0123456789", "jdupont", order)
	if err != nil || len(again) != 3 || again[0] == codes[0] {
		t.Errorf("other codes: %v", err)
	}
	b.want(b.login("jdupont", pin+again[0]), Granted, Done)
	b.denied(b.login("jdupont", pin+codes[0]))
	if _, err := c.Lose(t.Context(), "0123456789", "jdupont", EmergencyOrder{Codes: 3, For: day}); err == nil {
		t.Error("without a reason")
	}
	if e := b.eventsOf(kindIs(EmergencyGiven)); len(e) != 2 || e[0].Detail != "left in a train" || shows(e[0].Detail, codes...) != "" {
		t.Errorf("written down %+v", e)
	}
	b.must(b.AssignKey(t.Context(), by, "STOCK-1", "jdupont"))
	codes, err = b.clerk("rlycee").Lose(t.Context(), "STOCK-1", "jdupont", order)
	if err != nil || codes != nil || b.stored("STOCK-1").State != Lost {
		t.Errorf("without a PIN: %d codes, %v", len(codes), err)
	}
}
