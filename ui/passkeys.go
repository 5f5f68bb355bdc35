package ui

import "time"

// PasskeyWanted asks somebody who is logged in for a passkey, because what they
// want to open takes one. The script passkey.js plays the ceremony.
type PasskeyWanted struct {
	// Application and Target: as in Login.
	Application, Target string
	// None: the person has no passkey, and is told how to add one.
	None bool
}

// Passkeys lists the passkeys of the person.
type Passkeys struct {
	Passkeys []Passkey
	// Max is how many they may have.
	Max    int
	Notice Notice
}

// Passkey is one entry of Passkeys.
type Passkey struct {
	ID, Name string
	// Added and LastUsed are in the location in which they are to be read; LastUsed
	// is zero before the first login.
	Added, LastUsed time.Time
	Synced          bool
	// Cloned: it opens nothing any more, since it may have been copied.
	Cloned bool
}

// PasskeyAdd asks for the name of a passkey to add; the script passkey.js plays
// the ceremony. Without it the form is posted to PathPasskeyAdd, with FieldName.
type PasskeyAdd struct {
	Name string
	// Until is when another PASSCODE would be needed, in the location in which it
	// is to be read.
	Until  time.Time
	Notice Notice
}

// PasskeyRename asks for another name. It posts FieldPasskey and FieldName to
// PathPasskeyRename.
type PasskeyRename struct {
	ID, Name string
	Notice   Notice
}

// PasskeyRemove asks whether to remove a passkey. It posts FieldPasskey to
// PathPasskeyRemove.
type PasskeyRemove struct {
	ID, Name string
	// Own: it has opened the session in which this is asked.
	Own    bool
	Notice Notice
}

func (PasskeyWanted) view() view { return view{name: "passkeyWanted"} }

func (p Passkeys) view() view { return view{name: "passkeys", notice: p.Notice} }

func (p PasskeyAdd) view() view {
	return view{name: "passkeyAdd", notice: p.Notice, fields: []string{FieldName}}
}

func (p PasskeyRename) view() view {
	return view{name: "passkeyRename", notice: p.Notice, fields: []string{FieldName}}
}

func (p PasskeyRemove) view() view { return view{name: "passkeyRemove", notice: p.Notice} }

// Last reports that this one cannot be removed, being all that the person has to
// log in with.
func (p PasskeyRemove) Last() bool { return p.Notice == NoticePasskeyLast }

// Full reports whether there is no room for another.
func (p Passkeys) Full() bool { return len(p.Passkeys) >= p.Max }

// Day is a day as one reads it.
func (s *screen) Day(t time.Time) string {
	if s.Frame.Lang == English {
		return t.Format("2 January 2006")
	}
	return t.Format("02/01/2006")
}

// Scripts are the scripts of the page, beside the one that all have.
func (s *screen) Scripts() []string {
	switch p := s.Page.(type) {
	case Login:
		if p.Passkeys {
			return []string{"passkey.js"}
		}
	case PasskeyWanted:
		if !p.None {
			return []string{"passkey.js"}
		}
	case PasskeyAdd:
		return []string{"passkey.js"}
	}
	return nil
}

// AddUntil is until when a passkey may be added, as one reads it.
func (s *screen) AddUntil() string {
	p, _ := s.Page.(PasskeyAdd)
	return p.Until.Format("15:04")
}
