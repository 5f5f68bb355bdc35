package keyfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// pskcNamespaces are those of RFC 6030 and of a draft of it that was deployed.
var pskcNamespaces = map[string]bool{
	"urn:ietf:params:xml:ns:keyprov:pskc":     true,
	"urn:ietf:params:xml:ns:keyprov:pskc:1.0": true,
}

// pskcOther are the namespaces of which elements stand in a PSKC file: XML
// Encryption, XML Signature, PKCS #5, and none, which its parameters are in.
var pskcOther = map[string]bool{
	"http://www.w3.org/2001/04/xmlenc#":                           true,
	"http://www.w3.org/2009/xmlenc11#":                            true,
	"http://www.w3.org/2000/09/xmldsig#":                          true,
	"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#": true,
	"": true,
}

// pskc reads the Portable Symmetric Key Container (RFC 6030), and what earlier
// drafts wrote otherwise: Device for KeyPackage, Usage for AlgorithmParameters,
// KeyId and KeyAlgorithm for Id and Algorithm.
//
// Encrypted values are read where the key is shared beforehand or derived from
// a password (RFC 6030 sections 6.1 and 6.2), and only if a MAC proves them. A
// digital signature (section 6.4) is not checked: it proves who made the file,
// which the administrator who imports it vouches for.
type pskc struct {
	o       Options
	k       *sink
	crypt   pskcCrypt
	started bool     // a key has been read: no element about encryption may follow
	held    *pskcKey // the key before, as long as it may belong to the next
}

// pskcKey is a key of the file that waits for the one beside it: an OTP key for
// the key that is its PIN, or a PIN for the OTP key that names it.
type pskcKey struct {
	rec   Record
	id    string // its own
	pinID string // of its PIN
	pin   Secret // if it is one
}

func (x *xmlFile) readPSKC(root *element, o Options, k *sink) error {
	if !pskcNamespaces[root.name.Space] {
		return fmt.Errorf("line %d: the KeyContainer is not in the namespace of PSKC (RFC 6030)", root.line)
	}
	if version := root.attr("Version"); version != "" && version != "1" && !strings.HasPrefix(version, "1.") {
		return fmt.Errorf("line %d: the version of the KeyContainer is not 1.0, the only one there is", root.line)
	}
	p := &pskc{o: o, k: k, crypt: pskcCrypt{o: o}}
	for {
		e, err := x.child()
		if err == io.EOF {
			return p.release()
		}
		if err != nil {
			return err
		}
		e.prune(root.name.Space)
		if err := p.child(e); err != nil {
			return err
		}
	}
}

// prune takes the elements of other namespaces out of e, which extensions are
// in. Those of a policy stay: a key must not be used by who does not know them.
func (e *element) prune(own string) {
	if e.name.Local == "Policy" {
		return
	}
	kept := e.children[:0]
	for _, child := range e.children {
		if child.name.Space == own || pskcOther[child.name.Space] {
			child.prune(own)
			kept = append(kept, child)
		}
	}
	e.children = kept
}

// child reads a child of the container. What is none of those below is a
// signature or an extension, of which no code depends.
func (p *pskc) child(e *element) error {
	switch e.name.Local {
	case "EncryptionKey", "MACMethod":
		if p.started {
			return fmt.Errorf("line %d: the %s must stand before the keys", e.line, e.name.Local)
		}
		return p.crypt.declare(e)
	case "KeyPackage", "Device":
		p.started = true
		return p.keyPackage(e)
	}
	return nil
}

func (p *pskc) keyPackage(e *element) error {
	keys := e.all("Key")
	if len(keys) == 0 {
		serial, _ := serialOf(e.value("DeviceInfo", "SerialNo"))
		return p.k.problem(e.line, serial, errors.New("there is no key for this device"))
	}
	device := e.find("DeviceInfo")
	for _, key := range keys {
		if err := p.key(e.line, device, key); err != nil {
			return err
		}
	}
	return nil
}

// key reads one key. A value that cannot be proved refuses the file.
func (p *pskc) key(line int, device, e *element) error {
	next := &pskcKey{id: cmp.Or(e.attr("Id"), e.attr("KeyId"))}
	next.rec.Line = line
	err := p.read(next, device, e)
	if p.crypt.err != nil {
		return fmt.Errorf("line %d: %w", e.line, p.crypt.err)
	}
	if err != nil {
		if err := p.release(); err != nil {
			return err
		}
		return p.k.problem(line, next.rec.Serial, err)
	}
	return p.pair(next)
}

// pair hands over a key with the PIN beside it, or holds it until the PIN
// comes. RFC 6030 section 5 lets the two stand anywhere; every file seen has
// them side by side.
func (p *pskc) pair(next *pskcKey) error {
	if h := p.held; h != nil {
		key, pin := h, next
		if h.pin != "" {
			key, pin = next, h
		}
		if key.pinID != "" && key.pinID == pin.id && pin.pin != "" {
			p.held = nil
			key.rec.PIN.Initial = pin.pin
			return p.k.record(key.rec)
		}
		if err := p.release(); err != nil {
			return err
		}
	}
	if next.pinID == "" && next.pin == "" {
		return p.k.record(next.rec)
	}
	p.held = next
	return nil
}

// release gives up the wait for the other half of a pair.
func (p *pskc) release() error {
	h := p.held
	p.held = nil
	switch {
	case h == nil:
		return nil
	case h.pin != "":
		return p.k.problem(h.rec.Line, h.rec.Serial, errors.New("this is a PIN of which no key beside it says that it is its own"))
	}
	return p.k.problem(h.rec.Line, h.rec.Serial, errors.New("the PIN of this key (PINKeyId) is not beside it in the file"))
}

func (p *pskc) read(k *pskcKey, device, e *element) (err error) {
	rec := &k.rec
	rec.Format = PSKC
	if rec.Serial, err = serialOf(cmp.Or(device.value("SerialNo"), k.id)); err != nil {
		return err
	}
	rec.Manufacturer, rec.Model = labelOf(device.value("Manufacturer")), labelOf(device.value("Model"))
	rec.Holder = labelOf(cmp.Or(e.value("UserId"), device.value("UserId")))
	algorithm := cmp.Or(e.attr("Algorithm"), e.attr("KeyAlgorithm"))
	if isPIN(algorithm) {
		k.pin, err = p.pin(e)
		return err
	}
	if rec.Generator.Kind, err = pskcKind(algorithm, p.o.Kind); err != nil {
		return err
	}
	if err := p.parameters(&rec.Generator, e); err != nil {
		return err
	}
	if err := p.data(rec, e); err != nil {
		return err
	}
	if err := pskcDates(rec, device, e.find("Policy")); err != nil {
		return err
	}
	return p.policy(k, e.find("Policy"))
}

// pskcName gives the last part of an algorithm's name. RFC 6030 puts a colon
// before it, its drafts a number sign.
func pskcName(algorithm string) string {
	if !strings.Contains(algorithm, "pskc") {
		return algorithm
	}
	return strings.ToLower(algorithm[strings.LastIndexAny(algorithm, ":#")+1:])
}

func isPIN(algorithm string) bool { return pskcName(algorithm) == "pin" }

func pskcKind(algorithm string, otherwise otp.Kind) (otp.Kind, error) {
	if algorithm == "" && otherwise == 0 {
		return 0, errors.New("the key does not say its algorithm: ask the supplier, and give the kind, totp or hotp")
	}
	return kindOf(pskcName(algorithm), otherwise)
}

// parameters reads the form of the codes, 6 decimal digits unless the file or
// the options say otherwise, and the hash function, SHA-1 unless named.
func (p *pskc) parameters(g *otp.Generator, e *element) (err error) {
	parameters := e.find("AlgorithmParameters")
	if parameters == nil {
		parameters = e.find("Usage")
	}
	if g.Hash, err = hashOf(parameters.value("Suite")); err != nil {
		return err
	}
	g.Hash = cmp.Or(g.Hash, p.o.Hash, otp.SHA1)
	response := parameters.find("ResponseFormat")
	if encoding := response.attr("Encoding"); encoding != "" && encoding != "DECIMAL" {
		return errors.New("the codes of the key are not decimal digits: other codes are not supported")
	}
	if check := response.attr("CheckDigits"); check != "" && check != "false" && check != "0" {
		return errors.New("the codes of the key end with a check digit: such codes are not supported")
	}
	g.Digits, err = digitsOf(response.attr("Length"), cmp.Or(p.o.Digits, 6))
	return err
}

// data reads the values of a key. Time, the number of periods that had passed
// when the file was made, says nothing that the clock does not.
func (p *pskc) data(rec *Record, e *element) (err error) {
	data, g := e.find("Data"), &rec.Generator
	secret := data.find("Secret")
	if secret == nil && (e.find("KeyReference") != nil || e.find("KeyProfileId") != nil) {
		return errors.New("the file holds no seed but a reference to a master key from which the supplier derives it: ask for a file with the seeds")
	}
	if g.Seed, err = p.secret(secret); err != nil {
		return err
	}
	if g.Kind == otp.HOTP {
		rec.Counter, err = p.counter(data.find("Counter"))
		return err
	}
	if g.Period, err = p.period(data.find("TimeInterval")); err != nil {
		return err
	}
	rec.Drift, err = p.drift(data.find("TimeDrift"))
	return err
}

// pskcDates takes the later start and the earlier end of the device's dates and
// the key's.
func pskcDates(rec *Record, of ...*element) error {
	for _, e := range of {
		start, err := pskcDate(e.value("StartDate"))
		if err != nil {
			return err
		}
		expiry, err := pskcDate(e.value("ExpiryDate"))
		if err != nil {
			return err
		}
		if start.After(rec.Starts) {
			rec.Starts = start
		}
		if rec.Expires.IsZero() || !expiry.IsZero() && expiry.Before(rec.Expires) {
			rec.Expires = expiry
		}
	}
	return nil
}

// pskcDate reads an xs:dateTime; one without a time zone is in UTC, as RFC 6030
// section 4.3.3 has all of them.
func pskcDate(field string) (time.Time, error) {
	if field == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, field); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("the date %s is not one: StartDate and ExpiryDate are as 2030-12-31T00:00:00Z", quote(field))
}
