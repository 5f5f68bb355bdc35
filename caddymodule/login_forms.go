package caddymodule

import (
	"errors"
	"strings"
	"unicode"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// pinNotices are the words for what the policy has against a PIN.
var pinNotices = map[authcore.PINProblem]ui.Notice{
	authcore.PINTooShort:   ui.NoticePINTooShort,
	authcore.PINTooLong:    ui.NoticePINTooLong,
	authcore.PINRepeats:    ui.NoticePINRepeated,
	authcore.PINSequence:   ui.NoticePINSequence,
	authcore.PINDate:       ui.NoticePINDate,
	authcore.PINCommon:     ui.NoticePINCommon,
	authcore.PINFromSerial: ui.NoticePINFromSerial,
	authcore.PINFromCode:   ui.NoticePINFromCode,
	authcore.PINMismatch:   ui.NoticePINMismatch,

	authcore.PINActivationMissing: ui.NoticeActivationMissing,
	authcore.PINActivationWrong:   ui.NoticeActivationWrong,
	authcore.PINUnchanged:         ui.NoticePINUnchanged,
}

func readLogin(f form) (authcore.Answer, ui.Notice) {
	id, err := authcore.ParseIdentifier(f[ui.FieldIdentifier])
	switch {
	case errors.Is(err, authcore.ErrIdentifierMissing):
		return nil, ui.NoticeIdentifierMissing
	case errors.Is(err, authcore.ErrIdentifierIsPasscode):
		return nil, ui.NoticeIdentifierLooksLikePasscode
	case err != nil:
		return nil, ui.NoticeIdentifierMalformed
	}
	passcode, notice := readPasscode(f[ui.FieldPasscode])
	return authcore.PasscodeAnswer{Identifier: id, Passcode: passcode}, notice
}

func readNewPIN(f form) (authcore.Answer, ui.Notice) {
	pin, err := authcore.ParsePIN(f[ui.FieldPIN])
	again, errAgain := authcore.ParsePIN(f[ui.FieldPINAgain])
	err = errors.Join(err, errAgain)
	switch {
	case errors.Is(err, authcore.ErrPINMissing):
		return nil, ui.NoticePINMissing
	case err != nil:
		return nil, ui.NoticePINNotDigits
	}
	activation, err := authcore.ParseActivation(f[ui.FieldActivation])
	if err != nil {
		return nil, ui.NoticeActivationMalformed
	}
	return authcore.NewPINAnswer{PIN: pin, Again: again, Activation: activation}, ui.NoticeNone
}

func readNewPasscode(f form) (authcore.Answer, ui.Notice) {
	passcode, notice := readPasscode(f[ui.FieldPasscode])
	return authcore.NewPasscodeAnswer{Passcode: passcode}, notice
}

func readNextCode(f form) (authcore.Answer, ui.Notice) {
	code, notice := readPasscode(f[ui.FieldCode])
	return authcore.NextCodeAnswer{Code: code}, notice
}

// readPasscode reads a PASSCODE or a code alone.
func readPasscode(typed string) (authcore.Passcode, ui.Notice) {
	p, err := authcore.ParsePasscode(typed)
	switch {
	case errors.Is(err, authcore.ErrPasscodeMissing):
		return p, ui.NoticePasscodeMissing
	case errors.Is(err, authcore.ErrPasscodeNotDigits):
		return p, ui.NoticePasscodeNotDigits
	case err != nil && len(strings.Join(strings.FieldsFunc(typed, unicode.IsSpace), "")) < ui.DefaultDigits:
		return p, ui.NoticePasscodeTooShort
	case err != nil:
		return p, ui.NoticePasscodeTooLong
	}
	return p, ui.NoticeNone
}
