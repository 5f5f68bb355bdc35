package keyfile

import (
	"cmp"
	"errors"
	"io"
	"strings"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// readSafeNet reads the XML with which SafeNet, before that Aladdin, delivered
// its event-based keys:
//
//	<Tokens>
//	  <Token serial="…">
//	    <ProductName>…</ProductName>
//	    <Applications><Application>
//	      <Seed>hexadecimal digits</Seed>
//	      <MovingFactor>counter</MovingFactor>
//	    </Application></Applications>
//	  </Token>
//	</Tokens>
//
// How long the codes are is not in the file: 6 digits unless the options say
// otherwise.
func (x *xmlFile) readSafeNet(o Options, k *sink) error {
	for {
		e, err := x.child()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case e.name.Local != "Token":
			err = k.problem(e.line, "", errors.New("the element is not a Token, which is all that this format has"))
		default:
			err = k.element(e, safeNetRecord, o)
		}
		if err != nil {
			return err
		}
	}
}

// element reads the key of one element and hands over the outcome.
func (k *sink) element(e *element, read func(*Record, *element, Options) error, o Options) error {
	rec := Record{Line: e.line}
	if err := read(&rec, e, o); err != nil {
		return k.problem(e.line, rec.Serial, err)
	}
	return k.record(rec)
}

func safeNetRecord(rec *Record, e *element, o Options) (err error) {
	rec.Format = SafeNet
	if rec.Serial, err = serialOf(e.attr("serial")); err != nil {
		return err
	}
	rec.Model = labelOf(e.value("ProductName"))
	applications := e.find("Applications")
	if applications == nil || len(applications.all("Application")) != 1 {
		return errors.New("a Token must have exactly one Application: which seed the key uses cannot be told")
	}
	application := applications.find("Application")
	g := &rec.Generator
	g.Kind, g.Digits = otp.HOTP, cmp.Or(o.Digits, 6)
	if g.Seed, err = seedOf(safeNetValue(application, "Seed"), o.Encoding); err != nil {
		return err
	}
	if g.Hash, err = hashFor("", len(g.Seed), o); err != nil {
		return err
	}
	rec.Counter, err = counterOf(safeNetValue(application, "MovingFactor"))
	return err
}

// safeNetValue gives the text of a child whose name is spelt in any case, as
// the files do.
func safeNetValue(e *element, name string) string {
	for _, child := range e.children {
		if strings.EqualFold(child.name.Local, name) {
			return strings.TrimSpace(child.text)
		}
	}
	return ""
}
