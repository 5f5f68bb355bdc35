package authcore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/store"
)

var recordTime = time.Date(2026, 9, 1, 7, 58, 20, 123456789, time.UTC)

// goldenRecords is every record there is, with every field set.
var goldenRecords = map[string]any{
	"account": accountRecord{
		Identifier: "jdupont", GivenName: "Jeanne", Surname: "Dupont", Email: "jeanne.dupont@ac-example.fr", Groups: []string{"enseignants", "siecle"},
		Functions: []string{"DIR"}, Establishment: "0441550W", Delegations: []Delegation{{Application: "notes", Until: recordTime, Reason: "holidays", By: "RC", Given: recordTime}}, Disabled: true, Keys: []Serial{"0123456789", "SECOND-1"}, Epoch: 3, Added: recordTime, End: recordTime.AddDate(1, 0, 0),
		Passkeys:   []Passkey{{Mark: "00112233445566778899aabbccddeeff", Name: "Security key", Added: recordTime, LastUsed: recordTime, Synced: true, Attested: true, Cloned: true}},
		Handle:     []byte("a handle"),
		Office:     goldenOffice,
		Language:   "fr",
		Attributes: attributesOf(fredu.Change{fredu.Rne: {"0693045K$UAJ$PU$ADM$0693045K$T3$LP$320"}, fredu.RneResp: {"X"}, fredu.Title: {"Proviseure"}}),
	},
	"key": keyRecord{
		Serial: "0123456789", Holder: "jdupont", State: ToSynchronise, PIN: "$argon2id$v=19$m=12288,t=3,p=1,keyid=7$c2FsdA$aGFzaA",
		Generator: otp.Generator{Kind: otp.TOTP, Hash: otp.SHA256, Seed: []byte("not a real seed."), Serial: "0123456789", Digits: 6, Period: time.Minute},
		Used:      29_000_000, Drift: -2, WrongPIN: 4, Expires: recordTime.AddDate(5, 0, 0), Imported: recordTime, Assigned: recordTime, HandedOver: recordTime, LastUsed: recordTime,
		Activation: "mark of a code", ChangePIN: true, ReplacedBy: "SECOND-1", Replaces: "FIRST-1", Ends: recordTime,
		Emergency: emergency{Codes: []string{"12345678"}, Fixed: true, Reason: "left in a train", Until: recordTime, KeyEnds: true},
		Stock:     "0441550W", Received: recordTime, Returned: recordTime,
	},
	"session": sessionRecord{
		ID: "name-of-the-session", Parent: "name-of-the-portals", Host: "app.test", Holder: "jdupont", Serial: "0123456789", Method: "otp", Epoch: 3,
		Began: recordTime, Seen: recordTime, Idle: recordTime, End: recordTime, Ended: recordTime, Address: "192.0.2.7", Agent: "Firefox",
		Passkey: "00112233445566778899aabbccddeeff",
	},
	"passkey": passkeyRecord{Holder: "jdupont", Credential: passkey.Credential{
		ID: []byte("an ID"), PublicKey: []byte("a public key"), Model: passkey.Model{1, 2, 3}, Count: 7, Synced: true, BackedUp: true, Attestation: "packed", Attested: true, Transports: []string{"usb"},
	}},
	"ceremony": ceremonyRecord{Used: recordTime},
	"challenge": challengeRecord{
		Question: AskNewPasscode, Target: "/siecle", Expires: recordTime, Salt: "salt", Holder: "jdupont", NewPIN: "$argon2id$…", Activation: "mark of a code",
		Judged: "$argon2id$…", Pair: true, PINWrong: true, Renew: true,
		Trial: Trial{Serial: "0123456789", Step: 29_000_000, Off: -1, Drift: 2, NextCode: true, Used: true, Emergency: true},
		Last:  Taken{Digest: []byte("digest"), At: recordTime, Judging: true, Busy: true, Outcome: PINDenied, Problem: PINSequence, Reference: "7F3K-Q2M9"},
	},
	"ticket":   ticket{Session: "name-of-the-session", Host: "app.test", Visit: "mark", Target: "/siecle", Expires: recordTime, Taken: true},
	"attempts": attempts{Blind: 4},
	"browser": browser{
		Attempts: attempts{Blind: 2}, Slow: slow{Failures: 6, Until: benchStart.Add(time.Minute), Last: benchStart}, Seen: benchStart,
	},
	"slow":     slow{Failures: 5, Until: recordTime, Last: recordTime},
	"meta":     metaRecord{Made: recordTime},
	"identity": identityRecord{ID: "name-of-the-store", Schema: 1, Epoch: 1_788_249_600, Restored: recordTime, Version: 7, Keys: 3},
	"copy":     copyRecord{ID: "name-of-the-copying", Began: recordTime, Other: "/var/lib/sesame", Into: true, Ended: recordTime},
	"backup":   backupHeader{Version: 1, Schema: 1, Store: "name-of-the-store", Epoch: 1_788_249_600, Secrets: "mark", Nonce: "nonce", Made: recordTime, Highest: recordTime},
	"seed":     Serial("0123456789"),
	"import": importRecord{
		ID: "name-of-the-import", Process: "name-of-the-process", Actor: "RC", Reference: "7F3K-Q2M9", Began: recordTime, Touched: recordTime,
		Committed: recordTime, Staged: 3, Keys: 250, Applied: 24, Last: recordTime,
	},
	"staged": stagedRecord{Keys: []stagedKey{{
		Serial: "0123456789", Counter: 7, Expires: recordTime, Activation: "bWFyaw",
		Generator: otp.Generator{Kind: otp.HOTP, Hash: otp.SHA256, Seed: []byte("not a real seed."), Digits: 6},
	}}},
	"audit": Event{
		Time: recordTime, Kind: NextCodeAsked, Reference: "7F3K-Q2M9", Holder: "jdupont", Unknown: "mark", Serial: "0123456789", Actor: "RC",
		Address: "192.0.2.7", Agent: "Firefox", Detail: "logout", Chain: "jdupont", Number: 7, Alert: true, MAC: []byte("the MAC"),
	},
	"chain": chainRecord{Last: 9, Gone: spans{{1, 5}, {7, 7}}, Chains: 2, Removed: 6, Untold: 3, Erased: recordTime},
	"kept": keptForm{Holder: "jdupont", Host: "app.test", Address: "https://app.test/save?id=1", Page: "https://app.test/edit?id=1", ContentType: "multipart/form-data; boundary=x",
		Parts: 32, Sent: recordTime, Until: recordTime},
	"part":  []byte("a=b&c=%C3%A9"),
	"slots": []keptSlot{{Form: "hash-of-the-name", Parts: 32, Holder: "jdupont", Session: "name-of-the-session", Until: recordTime}},
	"clock": clockRecord{Highest: recordTime},
	"open":  []openSession{{ID: "name-of-the-session", End: recordTime}},
	"request": requestRecord{
		Reference: "7F3K-Q2M9", Surname: "Dupont", GivenName: "Jeanne", Function: "DIR", Establishment: "Collège, 0441550W", Email: "jeanne.dupont@ac-example.fr",
		Phone: "02 40 00 00 00", Hours: "le matin", Subject: "PASSCODE refusé", Accounts: "jdupont", KeyNumber: "…4821", Refusal: "QX4T-2M9K", Met: "1 septembre, 9 h 58",
		Application: "Carnet de notes", Holder: "jdupont", UAI: "0441550W", Description: 2, Pictures: []pictureRecord{{Type: "image/png", Parts: 16}}, Sent: recordTime, Until: recordTime,
	},
	"asked":       "1b2c3d4e5f607182-7F3K-Q2M9",
	"requested":   []byte("a part"),
	"asked-today": askedToday{Day: recordTime, Count: 7},
	"referents":   []Identifier{"jdupont"},
	"pending": Pending{ID: "7F3K-Q2M9", Act: PendingRole, Holder: "jdupont", Serial: "0123456789", Passkey: "0011223344", Keys: RetireKeys, Office: goldenOffice,
		By: "RC (192.0.2.7)", Who: "rc", Asked: recordTime, Until: recordTime},
	"outbox": Message{
		ID: "name-of-the-message", Way: ByMail, Address: "jeanne.dupont@ac-example.fr", Language: "fr", About: "jdupont",
		Notice:  Notice{What: PasskeyAdded, At: recordTime, Reference: "7F3K-Q2M9", Name: "Jeanne Dupont", Serial: "0123456789", Passkey: "Security key", Operator: true},
		Request: "QX4T-2M9K",
		Written: recordTime, Due: recordTime, Attempts: 2, Problem: "451 4.7.1 try again later",
	},
	"login-cookie": loginCookie{ID: "id", Target: "/siecle", Expires: recordTime, Renew: true},
}

var goldenOffice = Office{Role: RoleReferent, Establishments: []string{"0441550W"}, Groups: []string{"nord"}, By: "RC", Given: recordTime}

// attributesOf makes attributes that are as they must be.
func attributesOf(c fredu.Change) fredu.Set {
	s, err := fredu.Set{}.Apply(c)
	if err != nil {
		panic(err)
	}
	return s
}

// The form of every record stands in a golden file: what is changed there can no
// longer be read from a store in service. (Add a field, never rename one.)
func TestRecordForms(t *testing.T) {
	for name, record := range goldenRecords {
		t.Run(name, func(t *testing.T) {
			wantAllSet(t, name, reflect.ValueOf(record))
			plain, err := json.MarshalIndent(record, "", "  ")
			mustBeNil(t, err)
			file := "testdata/records/" + name + ".json"
			golden(t, file, string(plain)+"\n")
			again := reflect.New(reflect.TypeOf(record))
			mustBeNil(t, json.Unmarshal(plain, again.Interface()))
			if diff := cmp.Diff(record, again.Elem().Interface()); diff != "" {
				t.Errorf("read back it differs (-want +got):\n%s", diff)
			}
		})
	}
}

// wantAllSet wants a value in every field, so that none is missing in the golden
// file.
func wantAllSet(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	if v.IsZero() {
		t.Errorf("%s is not set", path)
	}
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Tag.Get("json") != "-" {
			wantAllSet(t, path+"."+f.Name, v.Field(i))
		}
	}
}

// Each kind of record in a store that has lived has its golden form.
func TestEveryRecordHasItsForm(t *testing.T) {
	kinds := map[string]bool{}
	for name := range livedIn(t).records() {
		if pointer(name) {
			continue // empty
		}
		kinds[kindOf(name)] = true
		if _, ok := goldenRecords[kindOf(name)]; !ok {
			t.Errorf("records of the kind %s have no golden form", kindOf(name))
		}
	}
	if want := len(goldenRecords) - 3; len(kinds) != want { // the cookie, the header of a backup and the latch of a copied store are not in this one
		t.Errorf("the store has records of %d kinds, want %d", len(kinds), want)
	}
}

// livedIn is a bench whose store has a record of every kind.
func livedIn(t tb) *handover {
	h := newHandover(t)
	h.withMail()
	h.redeem()
	h.addsPasskey(h.token, newAuthenticator(), "Security key")
	h.denied(h.login("jdupont", pin+h.shows(500)))
	h.denied(h.login("nobody.here", pin+h.shows(0)))
	i, err := h.BeginImport(t.Context(), by, false)
	mustBeNil(t, err)
	mustBeNil(t, i.Add(t.Context(), 1, NewKey{Serial: "STAGED-1", Generator: totpKey("STAGED-1")}))
	mustBeNil(t, i.stage(t.Context()))
	_, err = h.Keep(t.Context(), Session{ID: "s", Host: appHost, Holder: "jdupont"}, Form{Address: "https://app.test/save", Body: []byte("a=b")}, Source{})
	mustBeNil(t, err)
	mustBeNil(t, h.KeepTime(t.Context()))
	_, err = h.AdmitRequest(t.Context(), "", Source{})
	mustBeNil(t, err)
	_, err = h.Ask(t.Context(), "nonce", requestFor("jdupont"), nil, Source{})
	mustBeNil(t, err)
	h.addPerson("rreferent")
	h.must(h.GiveRole(t.Context(), by, "rreferent", Office{Role: RoleReferent, Establishments: []string{"0441550W"}}))
	_ = h.WithConsole(ConsoleRules{FourEyes: FourEyes{Roles: true}}).GiveRole(t.Context(), Actor{Name: "RC", Who: "rc"}, "rreferent", Office{Role: RoleAuditor})
	return h
}

// records is all that the store holds.
func (b *bench) records() map[string][]byte {
	b.t.Helper()
	all := map[string][]byte{}
	b.must(b.store.View(b.t.Context(), func(r store.Reader) error {
		clear(all)
		for e, err := range r.Scan("", "") {
			if err != nil {
				return err
			}
			all[e.Key] = e.Value
		}
		return nil
	}))
	return all
}

// put overwrites a record with bytes.
func (b *bench) put(name string, value []byte) {
	b.t.Helper()
	b.must(b.store.Update(b.t.Context(), func(w store.Writer) error { return w.Put(name, value, time.Time{}) }))
}

// A record that was moved, cut, altered, or sealed by somebody else does not
// open, and the error tells nothing but its kind.
func TestRecordsThatDoNotOpen(t *testing.T) {
	b := livedIn(t)
	all := b.records()
	maps.DeleteFunc(all, func(name string, value []byte) bool { return pointer(name) && len(value) == 0 })
	others := newSecretsFor(t)
	refused := func(name, what string, sealed []byte) {
		t.Helper()
		var record any
		err := openRecord(b.secrets(), name, sealed, &record)
		if err == nil || record != nil {
			t.Errorf("a record %s, %s, opens", name, what)
			return
		}
		if _, after, _ := strings.Cut(name, "/"); strings.Contains(err.Error(), after) || shows(err.Error(), "jdupont", "Dupont") != "" || !strings.Contains(err.Error(), kindOf(name)) {
			t.Errorf("a record %s, %s: %v", name, what, err)
		}
	}
	for name, sealed := range all {
		var plain json.RawMessage
		mustBeNil(t, openRecord(b.secrets(), name, sealed, &plain))
		for other, otherSealed := range all {
			if other != name {
				refused(name, "copied from "+kindOf(other), otherSealed)
			}
		}
		for i := 0; i < len(sealed); i += 1 + i/8 {
			flipped := bytes.Clone(sealed)
			flipped[i] ^= 1 << (i % 8)
			refused(name, fmt.Sprintf("with byte %d altered", i), flipped)
			refused(name, fmt.Sprintf("cut to %d bytes", i), sealed[:i])
		}
		refused(name, "with a byte more", append(bytes.Clone(sealed), 0))
		refused(name, "of a version to come", append([]byte{recordVersion + 1}, sealed[1:]...))
		foreign, err := sealRecord(others, name, plain)
		mustBeNil(t, err)
		refused(name, "sealed under other secrets", foreign)
		noJSON, err := b.secrets().records.Encrypt([]byte("{"), recordData(recordVersion, name))
		mustBeNil(t, err)
		refused(name, "sealed as no JSON", append([]byte{recordVersion}, noJSON...))
	}
}

// A login that meets a damaged record is a fault: nobody gets in, nothing else
// is written.
func TestLoginOnDamagedRecords(t *testing.T) {
	b := livedIn(t)
	b.wait(1)
	c := b.Begin("")
	b.denied(b.answer(c, PasscodeAnswer{"jdupont", passcode(t, pin+b.shows(500))}))
	whole := b.records()
	met := 0
	for name, sealed := range whole {
		if name == metaName || strings.HasPrefix(name, sessionPrefix) || strings.HasPrefix(name, auditPrefix) || !mine(name, c) {
			continue
		}
		met++
		b.put(name, append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1))
		damaged := b.records()
		r, err := b.Answer(t.Context(), c, b.rightAnswer(AskPasscode), Source{})
		if err == nil || r.Token != "" || r.Outcome != 0 {
			t.Errorf("%s damaged: %s, %v", kindOf(name), r.Outcome, err)
		}
		if after := b.records(); !maps.EqualFunc(damaged, after, bytes.Equal) {
			t.Errorf("%s damaged: something was written", kindOf(name))
		}
		b.put(name, sealed)
	}
	if met != 4 {
		t.Errorf("%d records were damaged, want account, attempts, key and challenge", met)
	}
	b.want(b.answer(c, b.rightAnswer(AskPasscode)), Granted, Done)
}

// mine reports whether a login of jdupont reads that record.
func mine(name string, c Challenge) bool {
	return slices.Contains([]string{accountName("jdupont"), "attempts/jdupont", keyName("0123456789"), challengeName(c.ID)}, name)
}

// Who can write into the store cannot give one's own key, PIN or session to
// somebody else by copying its record.
func TestRecordsOfSomebodyElse(t *testing.T) {
	b := livedIn(t)
	b.must(b.clearImport(t.Context()))
	own := b.key
	b.key = b.addKey("OTHER-1")
	b.addPerson("mmartin", "OTHER-1")
	mallory := b.inService("mmartin", "5083")
	b.denied(b.login("mmartin", "5083"+b.shows(500)))
	all := b.records()
	copies := map[string]string{
		keyName("0123456789"):               keyName("OTHER-1"),
		accountName("jdupont"):              accountName("mmartin"),
		"attempts/jdupont":                  "attempts/mmartin",
		sessionName(b.token.id()):           sessionName(mallory.Token.id()),
		accountName("mmartin"):              accountName("jdupont"),
		sessionName(mallory.Token.id()):     sessionName(b.token.id()),
		challengeName(mallory.Challenge.ID): sessionName(mallory.Token.id()),
	}
	for to, from := range copies {
		if all[from] == nil || all[to] == nil {
			t.Fatalf("there is no record %s or %s", from, to)
		}
		b.put(to, all[from])
		for _, key := range []otp.Generator{own, b.key} {
			for _, p := range []string{pin, "5083"} {
				if r, err := b.Answer(t.Context(), b.Begin(""), PasscodeAnswer{"jdupont", passcode(t, p+key.Code(key.StepAt(b.clock())))}, Source{}); r.Outcome == Granted && strings.HasPrefix(to, keyPrefix) {
					t.Errorf("%s copied to %s opens (%v)", from, to, err)
				}
			}
		}
		if s, _, err := b.Session(t.Context(), mallory.Token, "", false); err == nil && s.Holder != "mmartin" {
			t.Errorf("%s copied to %s: the session of mmartin is %s's", from, to, s.Holder)
		}
		b.put(to, all[to])
		b.wait(1)
	}
	if _, _, err := b.Session(t.Context(), mallory.Token, "", false); err != nil && !errors.Is(err, ErrNoSession) {
		t.Errorf("the store is not whole again: %v", err)
	}
}
