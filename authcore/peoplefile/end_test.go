package peoplefile

import (
	"errors"
	"testing"
	"time"
)

func TestParseEnd(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	reunion := time.FixedZone("Réunion", 4*3600)
	for _, c := range []struct {
		text string
		zone *time.Location
		want string
	}{
		{"2026-07-31", paris, "2026-07-31T22:00:00Z"}, // summer
		{"31/07/2026", paris, "2026-07-31T22:00:00Z"},
		{"1/2/2027", paris, "2027-02-01T23:00:00Z"}, // winter
		{"2026-12-31", paris, "2026-12-31T23:00:00Z"},
		{"28/02/2028", time.UTC, "2028-02-29T00:00:00Z"},
		{"2026-10-25", paris, "2026-10-25T23:00:00Z"}, // 25 hours long
		{"2026-07-31", reunion, "2026-07-31T20:00:00Z"},
		{"2026-07-31T18:00:00+02:00", reunion, "2026-07-31T16:00:00Z"},
	} {
		got, err := ParseEnd(c.text, c.zone)
		if err != nil || got.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%s in %s: %s, %v; want %s", c.text, c.zone, got.UTC(), err, c.want)
		}
	}
	if got, err := ParseEnd("", paris); !got.IsZero() || err != nil {
		t.Errorf("nothing: %s, %v", got, err)
	}
	for _, text := range []string{"31/07/26", "07/31/2026", "2026-02-30", "31.07.2026", "46234", "2026-07-31 18:00", " 2026-07-31", "jamais", "1999-12-30", "3000-12-31",
		"9999-12-31", "0001-01-01", "9999-12-31T23:59:59-12:00", "2026-7-31", "=TODAY()"} {
		if got, err := ParseEnd(text, paris); !errors.Is(err, ErrEnd) || !got.IsZero() {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}
