package keyfile

import (
	"errors"
	"fmt"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// Format is how a file is written. The zero value, Auto, recognises it.
type Format uint8

// The formats, and their text forms.
const (
	Auto      Format = iota // "auto"
	OATH                    // "oath-csv": serial, seed, type, digits, period or counter, hash; LinOTP, privacyIDEA, vendors' text files
	Entra                   // "entra-csv": columns named on the first line; Microsoft Entra, Token2, Deepnet SafeID
	YubicoLog               // "yubico-log": the YubiKey Personalization Tool's log in its traditional format
	Yubico                  // "yubico-csv": the same log in the Yubico format
	OTPAuth                 // "otpauth": otpauth:// URIs, one a line
	SafeNet                 // "safenet-xml": Tokens of SafeNet and Aladdin
	SDTID                   // "sdtid": RSA SecurID
	PSKC                    // "pskc": RFC 6030
)

// firstXML is the first of the formats that are XML; the others have a key a
// line.
const firstXML = SafeNet

var formatNames = [...]string{Auto: "auto", OATH: "oath-csv", Entra: "entra-csv", YubicoLog: "yubico-log",
	Yubico: "yubico-csv", OTPAuth: "otpauth", SafeNet: "safenet-xml", SDTID: "sdtid", PSKC: "pskc"}

// String gives the text form of f.
func (f Format) String() string {
	if int(f) >= len(formatNames) {
		return fmt.Sprintf("Format(%d)", f)
	}
	return formatNames[f]
}

// MarshalText gives the text form of f; an unknown value is an error.
func (f Format) MarshalText() ([]byte, error) {
	if int(f) >= len(formatNames) {
		return nil, fmt.Errorf("the key-file format number %d is unknown", f)
	}
	return []byte(formatNames[f]), nil
}

// UnmarshalText reads the exact text form of a format; anything else is an
// error and leaves f unchanged.
func (f *Format) UnmarshalText(text []byte) error {
	for i, name := range formatNames {
		if name == string(text) {
			*f = Format(i)
			return nil
		}
	}
	return fmt.Errorf("the key-file format %.20q is unknown: give one of %v", text, formatNames)
}

// Encoding is how seeds are written as text. The zero value, Prescribed, is
// what the format prescribes.
type Encoding uint8

// The encodings, and their text forms.
const (
	Prescribed Encoding = iota // "prescribed"
	Hex                        // "hex": two hexadecimal digits a byte
	Base32                     // "base32": RFC 4648 section 6, padding optional
)

var encodingNames = [...]string{Prescribed: "prescribed", Hex: "hex", Base32: "base32"}

// String gives the text form of e.
func (e Encoding) String() string {
	if int(e) >= len(encodingNames) {
		return fmt.Sprintf("Encoding(%d)", e)
	}
	return encodingNames[e]
}

// MarshalText gives the text form of e; an unknown value is an error.
func (e Encoding) MarshalText() ([]byte, error) {
	if int(e) >= len(encodingNames) {
		return nil, fmt.Errorf("the seed encoding number %d is unknown", e)
	}
	return []byte(encodingNames[e]), nil
}

// UnmarshalText reads the exact text form of an encoding; anything else is an
// error and leaves e unchanged.
func (e *Encoding) UnmarshalText(text []byte) error {
	for i, name := range encodingNames {
		if name == string(text) {
			*e = Encoding(i)
			return nil
		}
	}
	return fmt.Errorf("the seed encoding %.20q is unknown: give one of %v", text, encodingNames)
}

// validate refuses options that no file could be read with, before any line is
// blamed for them.
func (o Options) validate() error {
	switch {
	case int(o.Format) >= len(formatNames):
		return fmt.Errorf("the key-file format number %d is unknown", o.Format)
	case int(o.Encoding) >= len(encodingNames):
		return fmt.Errorf("the seed encoding number %d is unknown", o.Encoding)
	case o.Digits != 0 && (o.Digits < otp.MinDigits || o.Digits > otp.MaxDigits):
		return fmt.Errorf("the default of %d digits is not supported: a code has 6 to 8 digits", o.Digits)
	case o.Period != 0 && o.Period != 30*time.Second && o.Period != time.Minute:
		return fmt.Errorf("the default period of %v is not supported: it is 30 or 60 seconds", o.Period)
	}
	if o.Kind > otp.TOTP {
		return errors.New("the default algorithm is unknown: it is hotp or totp")
	}
	if _, err := o.Hash.MarshalText(); o.Hash != 0 && err != nil {
		return errors.New("the default hash function is unknown: it is sha1, sha256 or sha512")
	}
	return nil
}
