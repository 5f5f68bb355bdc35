package authcore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/jwt"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Secrets are the keysets that live outside the store, one for each use. Who
// has the store without them has nothing: no seed, no PIN, no session. Each
// keyset may hold several keys: what is new is made with the primary one, what
// an earlier one made can still be read, so keys are changed without a pause.
type Secrets struct {
	handles map[string]*keyset.Handle

	records tink.AEAD // seals every record of the store
	sealed  tink.AEAD // seals what goes to the browser: login cookies, form tokens
	peppers *prf.Set  // keys the PINs before they are hashed
	derives *prf.Set  // session tokens, digests of answers, indexes of seeds

	assertions *notary // signs who somebody is, for applications
	added      bool    // something was missing in the file that these were read from
}

// secretUses names each keyset, with the kind of key it holds. (AES-256-GCM for
// AEAD; HMAC-SHA256 as a pseudo-random function.)
var secretUses = map[string]func() *tinkpb.KeyTemplate{
	"records": aead.AES256GCMKeyTemplate,
	"sealed":  aead.AES256GCMKeyTemplate,
	"peppers": prf.HMACSHA256PRFKeyTemplate,
	"derives": prf.HMACSHA256PRFKeyTemplate,

	assertionUse: jwt.ES256Template,
}

// secretFile is the form of the secret file; Version is 1.
type secretFile struct {
	Version int                        `json:"sesame_secret"`
	Keysets map[string]json.RawMessage `json:"keysets"`
}

// NewSecrets makes fresh secrets.
func NewSecrets() (*Secrets, error) {
	handles := make(map[string]*keyset.Handle, len(secretUses))
	for use, template := range secretUses {
		h, err := keyset.NewHandle(template())
		if err != nil {
			return nil, fmt.Errorf("making the keyset %q: %w", use, err)
		}
		handles[use] = h
	}
	var err error
	if handles[assertionUse], err = withNextKey(handles[assertionUse]); err != nil {
		return nil, err
	}
	return newSecrets(handles)
}

// ParseSecrets reads what Marshal wrote. A file of before there were assertions
// gets keys for them: Added then says that it should be written again. Its errors
// show nothing of the content.
func ParseSecrets(file []byte) (*Secrets, error) {
	var f secretFile
	if err := json.Unmarshal(file, &f); err != nil || f.Version != 1 {
		return nil, errors.New("this is not a secret file of Sésame, or it is damaged: restore it from where you keep its copy")
	}
	handles, added := make(map[string]*keyset.Handle, len(secretUses)), false
	for use := range secretUses {
		if use == assertionUse && f.Keysets[use] == nil {
			continue
		}
		h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.Keysets[use])))
		if err != nil {
			return nil, fmt.Errorf("the secret file's keyset %q cannot be read: restore the file from where you keep its copy", use)
		}
		handles[use] = h
	}
	if h := handles[assertionUse]; h == nil || h.Len() < 2 {
		var err error
		if handles[assertionUse], err = completeAssertionKeys(h); err != nil {
			return nil, err
		}
		added = true
	}
	s, err := newSecrets(handles)
	if err == nil {
		s.added = added
	}
	return s, err
}

// Added reports whether the file that the secrets were read from lacked keys,
// which they have now: Marshal gives what the file should be.
func (s *Secrets) Added() bool { return s.added }

// Marshal gives the content of the secret file. It is the gate's crown jewels:
// mode 0600, kept apart from every backup of the store.
func (s *Secrets) Marshal() ([]byte, error) {
	f := secretFile{Version: 1, Keysets: make(map[string]json.RawMessage)}
	for use, h := range s.handles {
		var b bytes.Buffer
		if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
			return nil, fmt.Errorf("writing the keyset %q: %w", use, err)
		}
		f.Keysets[use] = b.Bytes()
	}
	return json.MarshalIndent(f, "", "  ")
}

// Rotated returns secrets with a new primary key for each use, and all the
// earlier keys to read with. Assertions are signed from then on with the key that
// was published beforehand, and the one after that is published.
func (s *Secrets) Rotated() (*Secrets, error) {
	handles := make(map[string]*keyset.Handle, len(s.handles))
	for use, h := range s.handles {
		if use == assertionUse {
			continue
		}
		m := keyset.NewManagerFromHandle(h)
		id, err := m.Add(secretUses[use]())
		if err != nil {
			return nil, fmt.Errorf("adding a key to the keyset %q: %w", use, err)
		}
		if err := m.SetPrimary(id); err != nil {
			return nil, fmt.Errorf("making the new key of %q the primary one: %w", use, err)
		}
		if handles[use], err = m.Handle(); err != nil {
			return nil, fmt.Errorf("rotating the keyset %q: %w", use, err)
		}
	}
	var err error
	if handles[assertionUse], err = rotateAssertionKeys(s.handles[assertionUse]); err != nil {
		return nil, err
	}
	return newSecrets(handles)
}

func newSecrets(handles map[string]*keyset.Handle) (*Secrets, error) {
	s := &Secrets{handles: handles}
	var errs [5]error
	s.records, errs[0] = aead.New(handles["records"])
	s.sealed, errs[1] = aead.New(handles["sealed"])
	s.peppers, errs[2] = prf.NewPRFSet(handles["peppers"])
	s.derives, errs[3] = prf.NewPRFSet(handles["derives"])
	s.assertions, errs[4] = newNotary(handles[assertionUse])
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("the secret file holds a keyset of another kind than it should: %w", err)
	}
	return s, nil
}

// pepper keys a PIN under the newest pepper and says which that is.
func (s *Secrets) pepper(pin PIN) (id uint32, keyed []byte, err error) {
	id = s.peppers.PrimaryID
	keyed, err = s.pepperOf(id, pin)
	return id, keyed, err
}

func (s *Secrets) pepperOf(id uint32, pin PIN) ([]byte, error) {
	p, ok := s.peppers.PRFs[id]
	if !ok {
		return nil, errors.New("the pepper under which a PIN was defined is no longer in the secret file: restore it, or clear the PIN")
	}
	return p.ComputePRF([]byte(pin.digits), 32)
}

// derive computes 32 bytes from a purpose and a value, as only who has the
// secrets can.
func (s *Secrets) derive(purpose, value string) []byte {
	b, err := s.derives.ComputePrimaryPRF([]byte(purpose+"\x00"+value), 32)
	if err != nil {
		panic("authcore: HMAC-SHA256 cannot give 32 bytes: " + err.Error())
	}
	return b
}

// deriveAll is derive under every key there is, the newest first: for indexes
// that were written under an earlier one.
func (s *Secrets) deriveAll(purpose, value string) [][]byte {
	all := [][]byte{s.derive(purpose, value)}
	for id, p := range s.derives.PRFs {
		if id == s.derives.PrimaryID {
			continue
		}
		if b, err := p.ComputePRF([]byte(purpose+"\x00"+value), 32); err == nil {
			all = append(all, b)
		}
	}
	return all
}

// seal encrypts a value for the browser, bound to a purpose.
func (s *Secrets) seal(purpose string, value []byte) (string, error) {
	b, err := s.sealed.Encrypt(value, []byte(purpose))
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// open reads what seal made for that purpose; false for anything else.
func (s *Secrets) open(purpose, sealed string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, false
	}
	value, err := s.sealed.Decrypt(b, []byte(purpose))
	return value, err == nil
}

// mark stands for an identifier that nobody has, in the audit trail: the same
// one gives the same mark, and a mark gives nothing away.
func (s *Secrets) mark(id Identifier) string { return textMark(s.derive("unknown", string(id))) }

// erasedMarks stand for a person whose data were erased, the one to write first,
// then those of the secrets' earlier keys.
func (s *Secrets) erasedMarks(id Identifier) (marks []string) {
	for _, mark := range s.deriveAll("erased", string(id)) {
		marks = append(marks, textMark(mark))
	}
	return marks
}

func textMark(b []byte) string { return base64.RawURLEncoding.EncodeToString(b[:6]) }
