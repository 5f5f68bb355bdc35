package keyfile

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

func isOTPAuth(line string) bool {
	return len(line) >= 8 && strings.EqualFold(line[:8], "otpauth:")
}

// otpauthKnown are the parameters that can be read or need not be: what is in
// none of them may change the codes, as privacyIDEA's two-step enrolment does.
var otpauthKnown = map[string]bool{
	"secret": true, "algorithm": true, "digits": true, "period": true, "counter": true, "serial": true,
	"issuer": true, "image": true, "color": true, "icon": true, "creator": true,
}

// otpauthParser reads otpauth URIs, as authenticator applications take them
// from a QR code (the Key Uri Format of Google Authenticator):
//
//	otpauth://totp/ISSUER:ACCOUNT?secret=BASE32&algorithm=SHA1&digits=6&period=30
//	otpauth://hotp/ISSUER:ACCOUNT?secret=BASE32&counter=0
//
// The format has no serial number. It is the parameter of that name, which some
// servers write, or else Options.Serial, or else the account, which other
// servers fill with it.
func otpauthParser(o Options) lineParser {
	return func(line string) (Record, error) {
		rec := Record{Format: OTPAuth}
		u, err := url.Parse(line)
		if err != nil || !strings.EqualFold(u.Scheme, "otpauth") || u.User != nil || u.Opaque != "" || u.Fragment != "" {
			return rec, errors.New("the line is not an otpauth:// URI")
		}
		query, err := otpauthQuery(u.RawQuery)
		if err != nil {
			return rec, err
		}
		rec.Holder = labelOf(otpauthAccount(u.Path))
		if rec.Serial, err = serialOf(cmp.Or(query["serial"], o.Serial, otpauthAccount(u.Path))); err != nil {
			return rec, err
		}
		err = otpauthRecord(&rec, u.Host, query, o)
		return rec, err
	}
}

// otpauthAccount gives the account of a label, which the issuer and a colon may
// precede.
func otpauthAccount(path string) string {
	label := strings.TrimPrefix(path, "/")
	if _, account, found := strings.Cut(label, ":"); found {
		label = account
	}
	return strings.TrimSpace(label)
}

// otpauthQuery gives the parameters of a URI by their names in lower case.
func otpauthQuery(raw string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("the parameters of the URI cannot be read: something in them is not percent-encoded as it must be")
	}
	query := make(map[string]string, len(values))
	for name, all := range values {
		name = strings.ToLower(name)
		if _, twice := query[name]; twice || len(all) != 1 {
			return nil, errors.New("a parameter stands in the URI twice")
		}
		if !otpauthKnown[name] {
			return nil, fmt.Errorf("the URI has a parameter that is not known, %s: its codes may be other than this format's", quote(name))
		}
		query[name] = all[0]
	}
	return query, nil
}

func otpauthRecord(rec *Record, kind string, query map[string]string, o Options) (err error) {
	g := &rec.Generator
	if kind == "" {
		return errors.New("the URI does not say its algorithm, totp or hotp")
	}
	if g.Kind, err = kindOf(kind, 0); err != nil {
		return err
	}
	if g.Seed, err = seedOf(query["secret"], cmp.Or(o.Encoding, Base32)); err != nil {
		return err
	}
	if g.Digits, err = digitsOf(query["digits"], cmp.Or(o.Digits, 6)); err != nil {
		return err
	}
	if g.Hash, err = hashOf(query["algorithm"]); err != nil {
		return err
	}
	g.Hash = cmp.Or(g.Hash, o.Hash, otp.SHA1)
	if g.Kind == otp.TOTP {
		g.Period, err = periodOf(query["period"], cmp.Or(o.Period, 30*time.Second))
		return err
	}
	if query["counter"] == "" {
		return errors.New("the URI of an event-based key (hotp) has no counter: the format demands one")
	}
	rec.Counter, err = counterOf(query["counter"])
	return err
}
