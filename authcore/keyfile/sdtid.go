package keyfile

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// sdtid reads the XML in which RSA delivers SecurID keys: one TKNHeader with
// what all keys have in common, then a TKN for each key.
//
// The seeds are encrypted and two MACs guard the file, one over the header and
// one over each key; with the header's wrong and the key's wrong the password
// is wrong, with one of them wrong the file was altered. The encryption is
// weak: without a password its key is made of the Origin in the header, and
// with one it is 5,000 AES blocks away from it. A .sdtid file is to be treated
// as clear text.
//
// The format was never published; the rules are those that stoken's files and
// RSA's own have in common.
type sdtid struct {
	o      Options
	header *element
	keys   *sdtidKeys // nil until the first key has proved which password is right
}

func (x *xmlFile) readSDTID(o Options, k *sink) error {
	s := sdtid{o: o}
	for {
		e, err := x.child()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case e.name.Local == "TKNHeader" && s.header == nil:
			s.header = e
		case e.name.Local == "TKN" && s.header != nil:
			err = s.token(e, k)
		case e.name.Local == "TKN", e.name.Local == "TKNHeader":
			return fmt.Errorf("line %d: the file must have one TKNHeader, before its keys", e.line)
		}
		if err != nil {
			return err
		}
	}
}

// token proves one TKN and hands it over. A MAC that is wrong refuses the whole
// file.
func (s *sdtid) token(e *element, k *sink) error {
	if s.keys == nil {
		if err := s.unlock(e); err != nil {
			return fmt.Errorf("line %d: %w", e.line, err)
		}
	} else if !s.keys.tokenRight(e) {
		return fmt.Errorf("line %d: %w", e.line, errAltered)
	}
	return k.element(e, s.record, s.o)
}

// unlock finds the password that proves the header and the first key: none, or
// the one of the options.
func (s *sdtid) unlock(first *element) error {
	ok, err := s.try(s.header.value("Origin"), first)
	if ok || err != nil {
		return err
	}
	if s.o.Password == nil {
		return ErrPasswordWanted
	}
	password, err := s.o.Password()
	if err != nil {
		return err
	}
	ok, err = s.try(string(password), first)
	if err == nil && !ok {
		return ErrPassword
	}
	return err
}

// try takes the keys of a password if they prove both the header and the first
// key. That they prove only one of them is an error.
func (s *sdtid) try(password string, first *element) (bool, error) {
	keys, err := newSDTIDKeys(s.header, password)
	if err != nil {
		return false, err
	}
	header, token := keys.headerRight(s.header), keys.tokenRight(first)
	switch {
	case header && token:
		s.keys = keys
		return true, nil
	case header || token:
		return false, errAltered
	}
	return false, nil
}

// field gives a field of a key: its own, else the header's default, else the
// header's own.
func (s *sdtid) field(e *element, name string) string {
	return cmp.Or(e.value(name), s.header.value("Def"+name), s.header.value(name))
}

func (s *sdtid) record(rec *Record, e *element, _ Options) (err error) {
	rec.Format = SDTID
	if rec.Serial, err = serialOf(e.value("SN")); err != nil {
		return err
	}
	rec.Holder = labelOf(e.value("UserLogin"))
	if err := s.algorithm(e); err != nil {
		return err
	}
	switch {
	case s.flag(e, "LocalPIN"):
		rec.PIN.Usage = LocalPIN
	case s.flag(e, "AddPIN"):
		rec.PIN.Usage = AlgorithmicPIN
	}
	if err := s.dates(rec, e); err != nil {
		return err
	}
	g := &rec.Generator
	g.Kind, g.Serial = otp.SecurID, rec.Serial
	if g.Digits, err = digitsOf(s.field(e, "Digits"), 6); err != nil {
		return err
	}
	if g.Period, err = periodOf(s.field(e, "Interval"), time.Minute); err != nil {
		return err
	}
	g.Seed, err = s.keys.seed(e)
	return err
}

// algorithm refuses the keys whose codes are not known to follow from the seed
// and the time alone.
func (s *sdtid) algorithm(e *element) error {
	switch {
	case cmp.Or(s.field(e, "Alg"), "1") != "1":
		return errors.New("the key is not of the 128-bit AES kind (Alg 1): older kinds are not supported")
	case s.flag(e, "Mode"), s.flag(e, "AppDerivedSeeds"):
		return errors.New("the key is of a kind whose codes are not known to follow from its seed (Mode or AppDerivedSeeds is set)")
	}
	return nil
}

func (s *sdtid) flag(e *element, name string) bool {
	value := s.field(e, name)
	return value != "" && value != "0"
}

// dates reads Birth and Death. A key is good through the day of its Death.
func (s *sdtid) dates(rec *Record, e *element) (err error) {
	if rec.Starts, err = sdtidDate(s.field(e, "Birth")); err != nil {
		return err
	}
	rec.Expires, err = sdtidDate(s.field(e, "Death"))
	if err == nil && !rec.Expires.IsZero() {
		rec.Expires = rec.Expires.AddDate(0, 0, 1)
	}
	return err
}

func sdtidDate(field string) (time.Time, error) {
	if field == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse("2006/01/02", field)
	if err != nil {
		return time.Time{}, fmt.Errorf("the date %s is not one: Birth and Death are year/month/day", quote(field))
	}
	return t, nil
}

// right compares a MAC with the one in the file in constant time.
func right(mac [16]byte, field string) bool {
	given, err := base64Of(field)
	return err == nil && subtle.ConstantTimeCompare(mac[:], given) == 1
}
