package caddymodule

import (
	"errors"
	"net/http"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// codeQuestion is the body that asks which keys show a code.
type codeQuestion struct {
	Code string `json:"code"`
}

// codePair is the body of two codes in a row.
type codePair struct {
	First  string `json:"first"`
	Second string `json:"second"`
}

// emergencyOrder is the body that asks for emergency codes.
type emergencyOrder struct {
	Codes   int    `json:"codes,omitempty"`
	Fixed   bool   `json:"fixed,omitempty"`
	Reason  string `json:"reason"`
	Hours   int    `json:"hours,omitempty"`
	KeyEnds bool   `json:"key_ends,omitempty"`
}

// emergencyCodes are emergency codes, shown once and never again.
type emergencyCodes struct {
	Key   authcore.KeyInfo `json:"key"`
	Codes []string         `json:"codes"`
	Until time.Time        `json:"until"`
}

// What an order for emergency codes means where it is silent.
const (
	emergencyHours = 7 * 24
	emergencyList  = 10
)

func handOverKey(c *adminCall) (any, error) {
	return c.changeKey(c.gate.HandOverKey, "only a key that has a holder and is not lost can be handed over")
}

func loseKey(c *adminCall) (any, error) {
	return c.changeKey(c.gate.LoseKey, "only a key that has a holder can be lost")
}

func findKey(c *adminCall) (any, error) {
	return c.changeKey(c.gate.FoundKey, "only a lost key can be found")
}

func returnKey(c *adminCall) (any, error) {
	return c.changeKey(c.gate.ReturnKey, "only a key that has a holder and is not lost can be returned")
}

func retireKey(c *adminCall) (any, error) {
	return c.changeKey(c.gate.RetireKey, "it is retired already")
}

func receiveKey(c *adminCall) (any, error) {
	return c.changeKey(c.gate.ReceiveKey, "only a key that was sent to an establishment, was not received and has no holder can be received")
}

// shipment is the body that sends a key to an establishment.
type shipment struct {
	Establishment string `json:"establishment"` // "" takes it out of the stock of any
}

func sendKey(c *adminCall) (any, error) {
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	var to shipment
	if err := c.decode(&to); err != nil {
		return nil, err
	}
	if to.Establishment != "" && !authcore.ValidUAI(to.Establishment) {
		return nil, adminRefusal(http.StatusBadRequest, "establishment is a UAI: seven digits and the letter that checks them")
	}
	err = c.gate.SendKey(c.Context(), c.by, serial, to.Establishment)
	if k, known := c.gate.KeyInfo(c.Context(), serial); known == nil && errors.Is(err, authcore.ErrState) {
		return nil, adminRefusal(http.StatusConflict, "key %s is %s: only a key that nobody has is sent to an establishment", serial, k.State)
	}
	if err != nil {
		return nil, noSuch("key", serial, err)
	}
	return c.key(serial)
}

// whichKeys answers which keys show a code. The code comes in the body: addresses
// are logged.
func whichKeys(c *adminCall) (any, error) {
	var body codeQuestion
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	code, err := typedCode(body.Code)
	if err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "code: %w", err)
	}
	keys, err := c.gate.WhichKeys(c.Context(), code)
	return keyList{Keys: append([]authcore.KeyInfo{}, keys...)}, err
}

// typedCode reads what somebody typed as a code of a key, alone.
func typedCode(typed string) (authcore.Passcode, error) {
	code, err := authcore.ParsePasscode(typed)
	if errors.Is(err, authcore.ErrPasscodeLength) {
		err = errors.New("this is too short or too long: a code is the 6 to 8 digits that the key shows")
	}
	return code, err
}

func resyncKey(c *adminCall) (any, error) {
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	var body codePair
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	first, err1 := typedCode(body.First)
	second, err2 := typedCode(body.Second)
	if err := errors.Join(err1, err2); err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "first, second: %w", err)
	}
	err = c.gate.ResyncKey(c.Context(), c.by, serial, first, second)
	switch {
	case errors.Is(err, authcore.ErrNoPair):
		return nil, adminRefusal(http.StatusConflict, "key %s: %w", serial, authcore.ErrNoPair)
	case errors.Is(err, authcore.ErrState):
		return nil, adminRefusal(http.StatusConflict, "key %s is retired", serial)
	case err != nil:
		return nil, noSuch("key", serial, err)
	}
	return c.key(serial)
}

// giveEmergency answers with the codes: the one time that anybody sees them.
func giveEmergency(c *adminCall) (any, error) {
	serial, err := c.serial()
	if err != nil {
		return nil, err
	}
	body := emergencyOrder{Codes: emergencyList, Hours: emergencyHours}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	order := authcore.EmergencyOrder{Codes: body.Codes, Fixed: body.Fixed, Reason: body.Reason, For: time.Duration(min(body.Hours, 1e6)) * time.Hour, KeyEnds: body.KeyEnds}
	if err := order.Check(); err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "%w", err)
	}
	codes, err := c.gate.GiveEmergency(c.Context(), c.by, serial, order)
	k, unknown := c.gate.KeyInfo(c.Context(), serial)
	switch {
	case unknown == nil && errors.Is(err, authcore.ErrState) && !k.PINDefined:
		return nil, adminRefusal(http.StatusConflict, "key %s has no PIN: emergency codes are typed behind one", serial)
	case unknown == nil && errors.Is(err, authcore.ErrState):
		return nil, adminRefusal(http.StatusConflict, "key %s is %s: declare it lost first", serial, k.State)
	case err != nil:
		return nil, noSuch("key", serial, err)
	}
	return emergencyCodes{Key: k, Codes: codes, Until: c.gate.Now().Add(order.For)}, unknown
}
