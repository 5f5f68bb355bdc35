package authcore

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/passkey"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// This file alone knows how things are named, encoded and sealed in the store.
//
//	account/IDENTIFIER   attempts/IDENTIFIER|~SLOT   slow/MARK   browser/MARK   key/SERIAL   seed/MARK
//	challenge/HASH   session/HASH   ticket/HASH   meta/store   meta/newest   identity/store
//	audit/TIME-REFERENCE-N   chain/IDENTIFIER|~WORD   index/user|key|reference/VALUE/TIME-REFERENCE-N
//	import/current   staged/ID-NUMBER   kept/HASH   part/HASH-NUMBER   slots/kept
//	passkey/MARK   ceremony/HASH   clock/highest   open/IDENTIFIER   outbox/DUE-ID
//	request/TIME-REFERENCE   asked/REFERENCE   requested/REFERENCE-NUMBER-NUMBER   asked-today/all
//	referents/UAI|~GROUP   office/IDENTIFIER   member/UAI/IDENTIFIER   stock/UAI/SERIAL   pending/ID
//	copy/store
//
// A record is one version byte and an AEAD ciphertext whose associated data are
// version and name: a record copied under another name does not open. What is
// named by HASH is named by the SHA-256 of what the browser holds. What is below
// index/, office/, member/ and stock/ is empty: its name is all that it says. Gate.VerifyAudit
// holds the entries to index/; of the others, whoever follows one looks at the account
// or the key that it leads to.

const (
	accountPrefix = "account/"
	keyPrefix     = "key/"
	sessionPrefix = "session/"
	auditPrefix   = "audit/"
	chainPrefix   = "chain/"
	indexPrefix   = "index/"
	metaName      = "meta/store"
	newestName    = "meta/newest"
	identityName  = "identity/store"
	importName    = "import/current"
	slotsName     = "slots/kept"
	passkeyPrefix = "passkey/"
	clockName     = "clock/highest"
	requestPrefix = "request/"
	todayName     = "asked-today/all"
	officePrefix  = "office/"
	memberPrefix  = "member/"
	stockPrefix   = "stock/"
	pendingPrefix = "pending/"
	outboxPrefix  = "outbox/"

	recordVersion = 1
)

// The stand-in for everybody who is unknown: an account and a key that are read
// and tried like any other, so that an unknown identifier costs what a known one
// does. No identifier and no serial is spelt so.
const (
	nobody    Identifier = "~nobody"
	nobodyKey Serial     = "~NOBODY"
)

func accountName(id Identifier) string { return accountPrefix + string(id) }
func keyName(s Serial) string          { return keyPrefix + string(s) }
func sessionName(id SessionID) string  { return sessionPrefix + string(id) }
func openName(id Identifier) string    { return "open/" + string(id) }
func challengeName(id string) string   { return "challenge/" + hashName(id) }
func ticketName(t string) string       { return "ticket/" + hashName(t) }

// outboxName has messages sorted by when they are due.
func outboxName(m Message) string { return outboxPrefix + auditTime(m.Due) + "-" + m.ID }

func passkeyName(mark string) string { return passkeyPrefix + mark }

// ceremonyName is what is left of a ceremony that has been used.
func ceremonyName(challenge string) string { return "ceremony/" + hashName(challenge) }

// Groups have names of their own, which could be those of establishments.
func referentsName(uai string) string        { return "referents/" + uai }
func groupReferentsName(group string) string { return "referents/~" + group }

func officeName(id Identifier) string       { return officePrefix + string(id) }
func pendingName(id Reference) string       { return pendingPrefix + string(id) }
func membersAt(uai string) string           { return memberPrefix + uai + "/" }
func stockOf(uai string) string             { return stockPrefix + uai + "/" }
func stockName(uai string, s Serial) string { return stockOf(uai) + string(s) }

func memberName(uai string, id Identifier) string { return membersAt(uai) + string(id) }

func seedName(mark []byte) string {
	return "seed/" + base64.RawURLEncoding.EncodeToString(mark)
}

// chunkName is the n-th chunk of an import; both go when it has ended.
func chunkName(id string, n int) string { return fmt.Sprintf("staged/%s-%06d", id, n) }

// keptName and partName are of the form whose name has that hash.
func keptName(hash string) string        { return "kept/" + hash }
func partName(hash string, n int) string { return fmt.Sprintf("part/%s-%02d", hash, n) }

// attemptsName counts the unknown in a fixed number of slots, whatever is sent.
func attemptsName(s *Secrets, id Identifier, known bool) string {
	if known {
		return "attempts/" + string(id)
	}
	b := s.derive("slot", string(id))
	return fmt.Sprintf("attempts/~%02x%x", b[0], b[1]&0xf)
}

func chainName(c Chain) string { return chainPrefix + string(c) }

// auditTime sorts as times do.
func auditTime(t time.Time) string { return t.UTC().Format("20060102T150405.000000000") }

// auditStem is what names the n-th entry of an act: it sorts by time; the
// reference makes it one's own.
func auditStem(e Event, n int) string {
	return fmt.Sprintf("%s-%s-%d", auditTime(e.Time), e.Reference, n)
}

// What an entry is looked up by. Neither identifiers nor serial numbers nor
// references hold a slash.
func userIndex(id Identifier) string      { return indexPrefix + "user/" + string(id) + "/" }
func keyIndex(s Serial) string            { return indexPrefix + "key/" + string(s) + "/" }
func referenceIndex(ref Reference) string { return indexPrefix + "reference/" + string(ref) + "/" }

// indexes are the names below which the entry of that stem is looked up.
func (e Event) indexes(stem string) []string {
	names := []string{referenceIndex(e.Reference) + stem}
	if e.Holder != "" {
		names = append(names, userIndex(e.Holder)+stem)
	}
	if e.Serial != "" {
		names = append(names, keyIndex(e.Serial)+stem)
	}
	return names
}

// pointer reports whether what has that name is empty, and says with it all that it
// says.
func pointer(name string) bool {
	return slices.Contains([]string{indexPrefix, officePrefix, memberPrefix, stockPrefix}, kindOf(name)+"/")
}

// The record types have the fields of what they keep, so that each converts to
// the other; the tags are the format.
type (
	keyRecord struct {
		Serial     Serial         `json:"serial"`
		Holder     Identifier     `json:"holder,omitempty"`
		State      State          `json:"state"`
		Generator  otp.Generator  `json:"generator"`
		PIN        PINHash        `json:"pin,omitempty"`
		Used       otp.Step       `json:"used"`
		Drift      otp.Step       `json:"drift,omitempty"`
		WrongPIN   int            `json:"wrongPIN,omitempty"`
		Activation activationMark `json:"activation,omitempty"`
		ChangePIN  bool           `json:"changePIN,omitempty"`
		Emergency  emergency      `json:"emergency,omitzero"`
		ReplacedBy Serial         `json:"replacedBy,omitempty"`
		Replaces   Serial         `json:"replaces,omitempty"`
		Ends       time.Time      `json:"ends,omitzero"`
		Expires    time.Time      `json:"expires,omitzero"`
		Imported   time.Time      `json:"imported,omitzero"`
		Assigned   time.Time      `json:"assigned,omitzero"`
		HandedOver time.Time      `json:"handedOver,omitzero"`
		LastUsed   time.Time      `json:"lastUsed,omitzero"`
		Stock      string         `json:"stock,omitempty"`
		Received   time.Time      `json:"received,omitzero"`
		Returned   time.Time      `json:"returned,omitzero"`
	}
	accountRecord struct {
		Identifier    Identifier   `json:"identifier"`
		GivenName     string       `json:"givenName,omitempty"`
		Surname       string       `json:"surname,omitempty"`
		Email         string       `json:"email,omitempty"`
		Groups        []string     `json:"groups,omitempty"`
		Functions     []string     `json:"functions,omitempty"`
		Establishment string       `json:"establishment,omitempty"`
		Delegations   []Delegation `json:"delegations,omitempty"`
		Disabled      bool         `json:"disabled,omitempty"`
		Keys          []Serial     `json:"keys,omitempty"`
		Epoch         int          `json:"epoch,omitempty"`
		Added         time.Time    `json:"added,omitzero"`
		End           time.Time    `json:"end,omitzero"`
		Attributes    fredu.Set    `json:"attributes,omitzero"`
		Passkeys      []Passkey    `json:"passkeys,omitempty"`
		Handle        []byte       `json:"handle,omitempty"`
		Office        Office       `json:"office,omitzero"`
		Language      string       `json:"language,omitempty"`
	}
	passkeyRecord struct {
		Holder     Identifier         `json:"holder"`
		Credential passkey.Credential `json:"credential"`
	}
	// ceremonyRecord says that a ceremony was used, whatever came of it.
	ceremonyRecord struct {
		Used time.Time `json:"used"`
	}
	sessionRecord struct {
		ID      SessionID  `json:"id"`
		Parent  SessionID  `json:"parent,omitempty"`
		Host    string     `json:"host,omitempty"`
		Holder  Identifier `json:"holder"`
		Serial  Serial     `json:"serial,omitempty"`
		Method  string     `json:"method"`
		Epoch   int        `json:"epoch,omitempty"`
		Began   time.Time  `json:"began"`
		Seen    time.Time  `json:"seen"`
		Idle    time.Time  `json:"idle"`
		End     time.Time  `json:"end"`
		Ended   time.Time  `json:"ended,omitzero"`
		Address string     `json:"address,omitempty"`
		Agent   string     `json:"agent,omitempty"`
		Passkey string     `json:"passkey,omitempty"`
	}
	challengeRecord struct {
		ID         string         `json:"-"` // the browser keeps it, the record's name is its hash
		Question   Question       `json:"question"`
		Target     string         `json:"target,omitempty"`
		Expires    time.Time      `json:"expires"`
		Salt       string         `json:"salt,omitempty"`
		Holder     Identifier     `json:"holder,omitempty"`
		Trial      Trial          `json:"trial,omitzero"`
		NewPIN     PINHash        `json:"newPIN,omitempty"`
		Activation activationMark `json:"activation,omitempty"`
		Judged     PINHash        `json:"judged,omitempty"`
		Pair       bool           `json:"pair,omitempty"`
		PINWrong   bool           `json:"pinWrong,omitempty"`
		Renew      bool           `json:"renew,omitempty"`
		Last       Taken          `json:"last,omitzero"`
	}
	metaRecord struct {
		Made time.Time `json:"made"`
	}
	// importRecord is the state of the import under way. Nothing of it has
	// happened until Committed is set, and all of it from then on.
	importRecord struct {
		ID        string    `json:"id"`
		Process   string    `json:"process"` // that stages it
		Actor     string    `json:"actor"`
		Reference Reference `json:"reference"`
		Began     time.Time `json:"began"`
		Touched   time.Time `json:"touched"` // by the last chunk
		Committed time.Time `json:"committed,omitzero"`
		Staged    int       `json:"staged"`        // chunks
		Keys      int       `json:"keys"`          // in them
		Applied   int       `json:"applied"`       // keys, in the order of the chunks
		Last      time.Time `json:"last,omitzero"` // of the keys applied last
	}
	// stagedRecord is a chunk of an import; all but the last hold chunkKeys keys.
	stagedRecord struct {
		Keys []stagedKey `json:"keys"`
	}
	stagedKey struct {
		Serial     Serial         `json:"serial"`
		Generator  otp.Generator  `json:"generator"`
		Counter    otp.Step       `json:"counter,omitempty"`
		Expires    time.Time      `json:"expires,omitzero"`
		Activation activationMark `json:"activation,omitempty"`
	}
)

func (r importRecord) committed() bool { return !r.Committed.IsZero() }

// MarshalJSON refuses: a key holds a seed. Show its Info.
func (Key) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a key is not to be shown: show its Info")
}

// MarshalJSON refuses: a supplier's key holds a seed.
func (NewKey) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a new key is not to be shown")
}

// MarshalJSON refuses: a challenge holds what opens it.
func (Challenge) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a challenge is not to be shown")
}

// Format prints what the login asks for, whatever the verb.
func (c Challenge) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "[a login asked for %s]", c.Question)
}

// LogValue is what slog prints of a login: what it asks for.
func (c Challenge) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// sealRecord encodes and seals a record for that name.
func sealRecord(s *Secrets, name string, record any) ([]byte, error) {
	plain, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encoding the record %s: %w", kindOf(name), err)
	}
	sealed, err := s.records.Encrypt(plain, recordData(recordVersion, name))
	if err != nil {
		return nil, fmt.Errorf("sealing the record %s: %w", kindOf(name), err)
	}
	return append([]byte{recordVersion}, sealed...), nil
}

// openRecord opens what sealRecord made for that name.
func openRecord(s *Secrets, name string, sealed []byte, record any) error {
	if len(sealed) == 0 || sealed[0] != recordVersion {
		return fmt.Errorf("the record %s is of a version this program does not know", kindOf(name))
	}
	plain, err := s.records.Decrypt(sealed[1:], recordData(sealed[0], name))
	if err != nil {
		return fmt.Errorf("the record %s does not open under the secret file: it is damaged, moved, or sealed under another secret", kindOf(name))
	}
	if err := json.Unmarshal(plain, record); err != nil {
		return fmt.Errorf("decoding the record %s: %w", kindOf(name), err)
	}
	return nil
}

func recordData(version byte, name string) []byte {
	return append([]byte{'s', 'e', 's', 'a', 'm', 'e', version, 0}, name...)
}

// kindOf is what may be said of a record in an error: its kind, not its name.
func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, "/")
	return kind
}

// getter is what View's readers and Update's writers have in common.
type getter interface {
	Get(key string) ([]byte, error)
}

// read gets one record; store.ErrNotFound where there is none.
func read[T any](s *Secrets, from getter, name string) (T, error) {
	var record T
	sealed, err := from.Get(name)
	if err != nil {
		return record, err
	}
	return record, openRecord(s, name, sealed, &record)
}

// absent returns ErrExists when there is a record of that name, and nil when
// there is none.
func absent(from getter, name string) error {
	_, err := from.Get(name)
	switch {
	case err == nil:
		return ErrExists
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

// write puts one record.
func write(s *Secrets, to store.Writer, name string, record any, expires time.Time) error {
	sealed, err := sealRecord(s, name, record)
	if err != nil {
		return err
	}
	return to.Put(name, sealed, expires)
}

// collect reads the records under a prefix that keep wants, in the order of
// their names, within one transaction: what it returns is safe to take time over.
func collect[T any](s *Secrets, r store.Reader, prefix string, keep func(T) (bool, error)) ([]T, error) {
	return collectPage(s, r, prefix, "", 0, keep)
}

// collectPage is collect for the records whose names come after the one named
// after, at most limit of them; 0 is no limit.
func collectPage[T any](s *Secrets, r store.Reader, prefix, after string, limit int, keep func(T) (bool, error)) ([]T, error) {
	var all []T
	for entry, err := range r.Scan(prefix, after) {
		if err != nil {
			return nil, err
		}
		var record T
		if err := openRecord(s, entry.Key, entry.Value, &record); err != nil {
			return nil, err
		}
		wanted, err := keep(record)
		if err != nil {
			return nil, err
		}
		if !wanted {
			continue
		}
		if all = append(all, record); len(all) == limit {
			break
		}
	}
	return all, nil
}
