package keyfile

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// policy reads the policy of a key. RFC 6030 section 5 demands that a key is not
// used by who does not understand its whole policy: one that is not understood,
// or that the gate does not keep to, refuses the key unless the options say
// otherwise.
func (p *pskc) policy(k *pskcKey, policy *element) error {
	if policy == nil {
		return nil
	}
	err := k.readPolicy(policy)
	if err != nil && !p.o.IgnorePolicy {
		return fmt.Errorf("%w: a key must not be used against its policy", err)
	}
	return nil
}

func (k *pskcKey) readPolicy(policy *element) error {
	var pin *element
	otp, usages := false, 0
	for _, e := range policy.children {
		name := e.name.Local
		if e.name.Space != policy.name.Space {
			name = "" // of an extension
		}
		switch name {
		case "StartDate", "ExpiryDate":
		case "PINPolicy":
			pin = e
		case "KeyUsage":
			usages++
			otp = otp || strings.TrimSpace(e.text) == "OTP"
		case "NumberOfTransactions":
			return errors.New("the key may be used a number of times only, which is not counted here")
		default:
			return errors.New("the policy of the key has an element that is not understood")
		}
	}
	if usages > 0 && !otp {
		return errors.New("the key is meant for another use than one-time codes (KeyUsage)")
	}
	if pin == nil {
		return nil
	}
	return k.readPINPolicy(pin)
}

// pinUsages are the values of PINUsageMode.
var pinUsages = map[string]PINUsage{"Local": LocalPIN, "Prepend": PrependPIN, "Append": AppendPIN, "Algorithmic": AlgorithmicPIN}

func (k *pskcKey) readPINPolicy(e *element) (err error) {
	if len(e.children) > 0 {
		return errors.New("the PIN policy of the key has an element that is not understood")
	}
	encoding := ""
	for _, a := range e.attrs {
		value := strings.TrimSpace(a.Value)
		switch pinAttribute(a.Name) {
		case "MinLength":
			k.rec.PIN.Min, err = pinNumber(value)
		case "MaxLength":
			k.rec.PIN.Max, err = pinNumber(value)
		case "MaxFailedAttempts":
			k.rec.PIN.MaxFailures, err = pinNumber(value)
		case "PINUsageMode":
			if k.rec.PIN.Usage = pinUsages[value]; k.rec.PIN.Usage == 0 {
				err = errors.New("the PIN of the key is used in a way that is not understood (PINUsageMode)")
			}
		case "PINEncoding":
			encoding = value
		case "PINKeyId":
			k.pinID = value
		case "xmlns":
		default:
			err = errors.New("the PIN policy of the key has an attribute that is not understood")
		}
		if err != nil {
			return err
		}
	}
	if encoding != "" && encoding != "DECIMAL" && k.rec.PIN.Usage != LocalPIN {
		return errors.New("the PIN of the key has other characters than digits (PINEncoding)")
	}
	return nil
}

// pinAttribute gives the name of an attribute of ours, "xmlns" for one that
// declares a namespace, "" for any other.
func pinAttribute(name xml.Name) string {
	switch {
	case name.Space == "xmlns":
		return "xmlns"
	case name.Space != "":
		return ""
	}
	return name.Local
}

func pinNumber(value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 8)
	if err != nil {
		return 0, errors.New("a number of the PIN policy of the key is not one from 0 to 255")
	}
	return int(n), nil
}
