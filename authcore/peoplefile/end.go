package peoplefile

import (
	"errors"
	"time"
)

// ErrEnd refuses what is no end of an account.
var ErrEnd = errors.New("an end is a day, 2026-07-31 or 31/07/2026, or an instant such as 2026-07-31T18:00:00+02:00 (RFC 3339), between the years 2000 and 2999")

// ParseEnd reads when an account ends. A day, as ISO 8601 or as people in France
// write it, is the last one on which the account is open: it ends when that day
// does in that zone. "" is never, the zero time. Error: ErrEnd.
func ParseEnd(text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2/1/2006"} {
		if day, err := time.ParseInLocation(layout, text, zone); err == nil {
			return bounded(time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, zone))
		}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, ErrEnd
	}
	return bounded(at)
}

// bounded refuses years that nobody means: a spreadsheet's day 0, a typing error.
func bounded(at time.Time) (time.Time, error) {
	if y := at.Add(-1).UTC().Year(); y < 2000 || y > 2999 {
		return time.Time{}, ErrEnd
	}
	return at, nil
}
