package authcore

import (
	"slices"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Every change of what somebody logs in with is told to them, whoever made it.
func TestNotices(t *testing.T) {
	const serial = "0123456789"
	inHand := func(b *bench) { b.inService("jdupont", pin) }
	withPasskey := func(b *bench) { b.addsPasskey(b.inService("jdupont", pin).Token, newAuthenticator(), "Téléphone") }
	told := map[EventKind]bool{}
	for name, c := range map[string]struct {
		before, act func(b *bench)
		want        []Notice
	}{
		"a key assigned": {
			func(b *bench) { b.addKey("SECOND-1") },
			func(b *bench) { b.must(b.AssignKey(t.Context(), by, "SECOND-1", "jdupont")) },
			[]Notice{{What: KeyAssigned, Serial: "SECOND-1", Operator: true}}},
		"a key replaced": {
			func(b *bench) { inHand(b); b.addKey("SECOND-1") },
			func(b *bench) {
				b.must(b.ReplaceKey(t.Context(), by, serial, "SECOND-1", ReplaceOrder{}))
			},
			[]Notice{{What: KeyAssigned, Serial: "SECOND-1", Operator: true}}},
		"a key returned": {inHand,
			func(b *bench) { b.must(b.ReturnKey(t.Context(), by, serial)) },
			[]Notice{{What: KeyReturned, Serial: serial, Operator: true}}},
		"a key retired": {inHand,
			func(b *bench) { b.must(b.RetireKey(t.Context(), by, serial)) },
			[]Notice{{What: KeyRetired, Serial: serial, Operator: true}}},
		"a key lost, given codes, and found": {inHand,
			func(b *bench) {
				b.must(b.LoseKey(t.Context(), by, serial))
				_, err := b.GiveEmergency(t.Context(), by, serial, aWeek)
				b.must(err)
				b.must(b.FoundKey(t.Context(), by, serial))
			},
			[]Notice{{What: KeyLost, Serial: serial, Operator: true}, {What: EmergencyGiven, Serial: serial, Operator: true}, {What: KeyFound, Serial: serial, Operator: true}}},
		"a PIN cleared": {inHand,
			func(b *bench) { b.must(b.ClearPIN(t.Context(), by, serial)) },
			[]Notice{{What: PINCleared, Serial: serial, Operator: true}}},
		"a PIN defined": {func(*bench) {}, inHand, []Notice{{What: PINDefined, Serial: serial}}},
		"a key locked":  {inHand, func(b *bench) { b.lock() }, []Notice{{What: KeyLocked, Serial: serial}}},
		"a passkey added": {inHand,
			func(b *bench) {
				b.wait(1)
				r := b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
				b.addsPasskey(r.Token, newAuthenticator(), "Clé de bureau")
			},
			[]Notice{{What: PasskeyAdded, Passkey: "Clé de bureau"}}},
		"a passkey removed": {withPasskey,
			func(b *bench) {
				b.wait(1)
				r := b.want(b.login("jdupont", pin+b.shows(0)), Granted, Done)
				b.must(b.RemovePasskey(t.Context(), b.session(r.Token), b.account("jdupont").Passkeys[0].ID(), b.from))
			},
			[]Notice{{What: PasskeyRemoved, Passkey: "Téléphone"}}},
		"a passkey revoked": {withPasskey,
			func(b *bench) { b.must(b.RevokePasskey(t.Context(), by, "jdupont", "Téléphone")) },
			[]Notice{{What: PasskeyRemoved, Passkey: "Téléphone", Operator: true}}},
		"a passkey copied": {func(*bench) {},
			func(b *bench) {
				a := newAuthenticator()
				r := b.inService("jdupont", pin)
				b.addsPasskey(r.Token, a, "Téléphone")
				twin := a.Clone()
				b.want(b.showsPasskey(a, ""), Granted, Done)
				b.denied(b.showsPasskey(twin, ""))
			},
			[]Notice{{What: PINDefined, Serial: serial}, {What: PasskeyAdded, Passkey: "Téléphone"}, {What: PasskeyCloned, Passkey: "Téléphone"}}},
		"a key lost and given codes at once": {inHand,
			func(b *bench) {
				_, err := b.loseWithCodes(t.Context(), by, serial, aWeek)
				b.must(err)
			},
			[]Notice{{What: EmergencyGiven, Serial: serial, Operator: true}}},
		"a key without a PIN lost, which codes are not given for": {func(*bench) {},
			func(b *bench) {
				_, err := b.loseWithCodes(t.Context(), by, serial, aWeek)
				b.must(err)
			},
			[]Notice{{What: KeyLost, Serial: serial, Operator: true}}},
		"a key unlocked": {func(b *bench) { inHand(b); b.lock() },
			func(b *bench) { b.must(b.UnlockKey(t.Context(), by, serial)) },
			[]Notice{{What: KeyUnlocked, Serial: serial, Operator: true}}},
		"a login, a PIN wanted, a new name, sessions ended": {withPasskey,
			func(b *bench) {
				b.lock()
				b.must(b.RequirePIN(t.Context(), by, serial))
				b.must(b.HandOverKey(t.Context(), by, serial))
				b.must(b.EndSessions(t.Context(), by, "jdupont"))
			},
			[]Notice{{What: KeyLocked, Serial: serial}}},
		"an account removed with its key": {inHand,
			func(b *bench) { b.must(b.RemoveAccount(t.Context(), by, "jdupont", RetireKeys)) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c.before(b)
			b.withMail()
			c.act(b)
			for i := range c.want {
				c.want[i].Name = "Jeanne Dupont"
				told[c.want[i].What] = true
			}
			var got []Notice
			for _, m := range b.outbox() {
				entry, err := b.Events(t.Context(), AuditQuery{Reference: m.Notice.Reference, Kinds: []EventKind{m.Notice.What}})
				mustBeNil(t, err)
				if len(entry) != 1 || !entry[0].Time.Equal(m.Notice.At) || m.Way != ByMail || m.About != "jdupont" {
					t.Errorf("%+v is about %+v", m, entry)
				}
				m.Notice.At, m.Notice.Reference = time.Time{}, ""
				got = append(got, m.Notice)
			}
			byKind := func(a, b Notice) int { return int(a.What) - int(b.What) }
			slices.SortFunc(got, byKind)
			slices.SortFunc(c.want, byKind)
			if !slices.Equal(got, c.want) {
				t.Errorf("told were %+v,\nwant %+v", got, c.want)
			}
		})
	}
	for _, k := range NoticeKinds() {
		if !told[k] {
			t.Errorf("%s was told in no case", k)
		}
	}
}

// Who has no address is not written to, and nobody where there is no mail.
func TestNoNotices(t *testing.T) {
	b := newBench(t)
	b.withMail()
	b.Gate = b.WithMail(false)
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	b.Gate = b.WithMail(true)
	b.must(b.SetAccount(t.Context(), by, Account{Identifier: "jdupont"}, []AccountField{FieldEmail}))
	b.must(b.FoundKey(t.Context(), by, "0123456789"))
	if all := b.outbox(); len(all) != 0 {
		t.Errorf("there are %+v", all)
	}
	<-b.Posted()
	b.Gate = b.WithMail(false)
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	select {
	case <-b.Posted():
		t.Error("it is told of a message where there is no mail")
	default:
	}
}

// The language is the account's.
func TestNoticeLanguage(t *testing.T) {
	b := newBench(t)
	b.withMail()
	b.must(b.store.Update(t.Context(), func(w store.Writer) error {
		a, err := b.accountIn(w, "jdupont")
		if err != nil {
			return err
		}
		a.Language = "en"
		return write(b.secrets(), w, accountName("jdupont"), accountRecord(a), time.Time{})
	}))
	b.must(b.LoseKey(t.Context(), by, "0123456789"))
	if m := b.oneMessage(); m.Language != "en" {
		t.Errorf("it is written in %q", m.Language)
	}
}
