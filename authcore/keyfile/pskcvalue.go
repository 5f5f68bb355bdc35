package keyfile

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sesame-gateway/sesame/authcore/otp"
)

// maxDrift bounds the drift that a file may give a key, in periods: a day of the
// shorter ones. Beyond it the number means something else.
const maxDrift = 2880

// secret reads a seed: base64 as it is, or bytes if it is encrypted.
func (p *pskc) secret(e *element) ([]byte, error) {
	plain, encrypted, err := p.value(e)
	switch {
	case err != nil:
		return nil, err
	case encrypted == nil && plain == "":
		return nil, errors.New("the seed is missing")
	case encrypted == nil:
		if encrypted, err = base64Of(plain); err != nil {
			return nil, errors.New("the seed is not in base64: characters are missing, or it is written in another way than RFC 6030 has it")
		}
	}
	if isZero(encrypted) {
		return nil, errZeroSeed
	}
	return encrypted, nil
}

// pin reads the secret of a key that is a PIN.
func (p *pskc) pin(e *element) (Secret, error) {
	pin, err := p.secret(e.find("Data", "Secret"))
	if err != nil {
		return "", err
	}
	for _, c := range pin {
		if c < '0' || c > '9' {
			return "", errors.New("the PIN has other characters than digits: such PINs are not supported")
		}
	}
	return Secret(pin), nil
}

// value gives a data item: its text as it is, or its bytes if it is encrypted,
// which then are not nil.
func (p *pskc) value(e *element) (plain string, encrypted []byte, err error) {
	if e == nil {
		return "", nil, nil
	}
	if box := e.find("EncryptedValue"); box != nil {
		encrypted, err = p.crypt.open(box, e.value("ValueMAC"))
		return "", encrypted, err
	}
	return e.value("PlainValue"), nil, nil
}

// number gives a data item that is a number in decimal digits. An encrypted one
// is digits too, or four or eight bytes in network order: both are found, and no
// counter or period is as high as bytes that happen to be digits.
func (p *pskc) number(e *element) (string, error) {
	plain, encrypted, err := p.value(e)
	if err != nil || encrypted == nil {
		return plain, err
	}
	if isNumber(string(encrypted)) {
		return string(encrypted), nil
	}
	switch len(encrypted) {
	case 4:
		return fmt.Sprint(binary.BigEndian.Uint32(encrypted)), nil
	case 8:
		return fmt.Sprint(binary.BigEndian.Uint64(encrypted)), nil
	}
	return "", errors.New("an encrypted number is neither decimal digits nor four or eight bytes")
}

func (p *pskc) counter(e *element) (otp.Step, error) {
	field, err := p.number(e)
	if err != nil {
		return 0, err
	}
	return counterOf(field)
}

func (p *pskc) period(e *element) (time.Duration, error) {
	field, err := p.number(e)
	if err != nil {
		return 0, err
	}
	return periodOf(field, cmp.Or(p.o.Period, 30*time.Second))
}

// drift reads how many periods the clock of the key is ahead. An encrypted one
// may be negative too: as four or eight bytes it is in two's complement.
func (p *pskc) drift(e *element) (otp.Step, error) {
	plain, encrypted, err := p.value(e)
	if err != nil {
		return 0, err
	}
	var n int64
	switch len(encrypted) {
	case 0:
		n, err = strconv.ParseInt(cmp.Or(plain, "0"), 10, 32)
	case 4:
		n = int64(int32(binary.BigEndian.Uint32(encrypted)))
	case 8:
		n = int64(binary.BigEndian.Uint64(encrypted))
	default:
		n, err = strconv.ParseInt(string(encrypted), 10, 32)
	}
	if err != nil || n < -maxDrift || n > maxDrift {
		return 0, fmt.Errorf("the drift of the key's clock is not a number of periods from -%d to %d", maxDrift, maxDrift)
	}
	return otp.Step(n), nil
}
