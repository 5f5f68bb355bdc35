package authcore

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/store"
)

const loginCeremonyPurpose = "passkey login "

// BeginPasskeyLogin starts a login by passkey inside a login under way: with one of
// that person's, or, for "", with whichever the authenticator finds. It writes
// nothing. Of somebody who is unknown or has no passkey it asks for one all the
// same, always for that one until the secrets are rotated, and no response to that
// opens anything. Errors: ErrNoPasskeys, the store's.
func (g *Gate) BeginPasskeyLogin(ctx context.Context, c Challenge, who Identifier) (Ceremony, error) {
	if g.passkeys == nil {
		return Ceremony{}, ErrNoPasskeys
	}
	var allowed [][]byte
	if who != "" {
		var err error
		if allowed, err = g.askedFor(ctx, who); err != nil {
			return Ceremony{}, err
		}
	}
	options, made, err := g.passkeys.party.BeginLogin(allowed)
	if err != nil {
		return Ceremony{}, err
	}
	return g.secrets().sealCeremony(loginCeremonyPurpose+c.ID, options, sealedCeremony{Kept: made, Holder: who, Expires: g.now().Add(ceremonyLife)})
}

// askedFor are the credentials that a login of that person is asked of.
func (g *Gate) askedFor(ctx context.Context, who Identifier) (ids [][]byte, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		a, err := g.accountIn(r, who)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		serving := slices.DeleteFunc(slices.Clone(a.Passkeys), func(p Passkey) bool { return p.Cloned })
		ids, err = credentialIDs(g.secrets(), r, serving)
		return err
	})
	if err == nil && len(ids) == 0 {
		ids = [][]byte{g.secrets().fakeCredential(who)}
	}
	return ids, err
}

// fakeCredential is the ID of a credential that does not exist, of a length that
// authenticators use, always the same for the same person (WebAuthn §14.6.2).
func (s *Secrets) fakeCredential(who Identifier) []byte {
	lengths := []int{16, 20, 32, 48, 64}
	b := append(s.derive("fake passkey", string(who)), s.derive("fake passkey, continued", string(who))...)
	return b[:lengths[int(s.derive("fake passkey, length", string(who))[0])%len(lengths)]]
}

// shown is what the passkey that answered came to. The zero value is none.
type shown struct {
	mark       string          // of the passkey that was used; "" where reason is set
	reason     string          // why nothing opens
	who        Identifier      // whose it is, or was to be; "" where nobody knows
	ceremony   *sealedCeremony // to be written down as used
	credential passkey.Credential
	cloned     bool
}

// readPasskey reads whose passkey an answer is from, and verifies it: a signature
// takes a fraction of a millisecond, and says the same however often it is looked
// at. What is decided is passkey's.
func (t *turn) readPasskey(w store.Writer, a PasskeyAnswer, c Challenge, s *scene) error {
	if t.gate.passkeys == nil {
		return ErrNoPasskeys
	}
	k, err := openCeremony(t.newest, w, loginCeremonyPurpose+c.ID, a.Ceremony, s.now)
	if errors.Is(err, ErrCeremony) {
		s.passkey.reason = reasonOf(ErrCeremony)
		return t.readAccount(w, "", s)
	}
	if err != nil {
		return err
	}
	s.passkey.ceremony, s.passkey.who = &k, k.Holder
	claim, err := passkey.ReadClaim(a.Response)
	if err != nil {
		s.passkey.reason = reasonOf(err)
		return t.readAccount(w, k.Holder, s)
	}
	rec, mark, err := findCredential(t.newest, w, claim.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil || k.Holder != "" && k.Holder != rec.Holder {
		s.passkey.reason = passkey.WrongCredential.String()
		return t.readAccount(w, k.Holder, s)
	}
	s.passkey.who = rec.Holder
	if err := t.readAccount(w, rec.Holder, s); err != nil {
		return err
	}
	s.passkey.show(t.gate.passkeys.party, k, claim, rec.Credential, s.account, mark)
	return nil
}

// show verifies a response for the account that is to be opened.
func (p *shown) show(party *passkey.RelyingParty, k sealedCeremony, claim passkey.Claim, c passkey.Credential, a Account, mark string) {
	if a.passkey(mark) == nil {
		p.reason = passkey.WrongCredential.String()
		return
	}
	if !a.opensBy(mark) {
		p.reason = "cloned"
		return
	}
	used, err := party.FinishLogin(k.Kept, claim, passkey.User{Handle: a.Handle}, c)
	if err != nil {
		p.reason = reasonOf(err)
		return
	}
	p.mark, p.credential, p.cloned = mark, used.Credential, used.Cloned
}

// passkey decides over a login by passkey. Neither a slowed network nor the state of
// a key stands in its way: nothing of a passkey can be guessed.
func (m move) passkey() move {
	s := &m.scene
	m.challenge.Holder, m.challenge.Trial = s.passkey.who, Trial{}
	m.challenge.Judged, m.challenge.Pair, m.challenge.PINWrong = "", false, false
	switch {
	case s.passkey.reason != "":
		return m.denyPasskey(PasskeyRefused, s.passkey.reason)
	case !s.known || s.passkey.mark == "":
		return m.denyPasskey(PasskeyRefused, passkey.WrongCredential.String())
	case s.account.Closed(s.now):
		return m.shutOut(Trial{})
	}
	s.account.Passkeys = slices.Clone(s.account.Passkeys)
	p := s.account.passkey(s.passkey.mark)
	if s.passkey.cloned {
		p.Cloned = true
		return m.denyPasskey(PasskeyCloned, p.text())
	}
	p.LastUsed = s.now
	m = m.grant(PasskeyUsed)
	m.events[len(m.events)-1].Detail = p.text()
	return m
}

func (m move) denyPasskey(kind EventKind, detail string) move {
	m = m.deny(kind, Trial{})
	m.events[len(m.events)-1].Detail = detail
	return m
}

// savePasskey writes what a login by passkey changed: that the ceremony was used,
// whatever came of it, and the passkey's counter and day.
func (t *turn) savePasskey(after scene, before Account, put func(name string, record any, expires time.Time)) {
	p := after.passkey
	if p.ceremony != nil {
		put(ceremonyName(p.ceremony.Kept.Challenge), ceremonyRecord{Used: after.now}, p.ceremony.Expires.Add(day))
	}
	if reflect.DeepEqual(after.account, before) {
		return
	}
	put(accountName(after.account.Identifier), accountRecord(after.account), time.Time{})
	put(passkeyName(p.mark), passkeyRecord{Holder: after.account.Identifier, Credential: p.credential}, time.Time{})
}
