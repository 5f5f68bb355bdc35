package authcore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Place is where a key of an establishment is. The zero value is invalid.
type Place uint8

// The places, and their words.
const (
	PlaceSent       Place = iota + 1 // "sent": to the establishment, not received yet
	PlaceSafe                        // "safe": received, never given to anybody
	PlaceAssigned                    // "assigned": somebody's, and in the safe still
	PlaceHandedOver                  // "handed-over": in its holder's hand
	PlaceReturned                    // "returned": in the safe again
	PlaceLost                        // "lost"
	PlaceRetired                     // "retired"
)

var placeNames = words[Place]{what: "place", names: []string{"", "sent", "safe", "assigned", "handed-over", "returned", "lost", "retired"}}

// String gives the place's word.
func (p Place) String() string { return placeNames.name(p) }

// MarshalText gives the place's word; an unknown place is an error.
func (p Place) MarshalText() ([]byte, error) { return placeNames.marshal(p) }

// UnmarshalText reads a place's word; anything else is an error.
func (p *Place) UnmarshalText(b []byte) error { return placeNames.unmarshal(p, b) }

// Places lists every place.
func Places() (all []Place) {
	for p := PlaceSent; int(p) < len(placeNames.names); p++ {
		all = append(all, p)
	}
	return all
}

// Place says where the key is, of an establishment's keys.
func (k KeyInfo) Place() Place {
	switch {
	case k.State == Retired:
		return PlaceRetired
	case k.State == Lost:
		return PlaceLost
	case k.Holder != "" && !k.HandedOver.IsZero():
		return PlaceHandedOver
	case k.Holder != "":
		return PlaceAssigned
	case k.Received.IsZero():
		return PlaceSent
	case !k.Returned.IsZero():
		return PlaceReturned
	}
	return PlaceSafe
}

// StockOf returns the keys of an establishment, in the order of their serials: those
// of its stock, wherever they are, and those of its people. Error: the store's.
func (g *Gate) StockOf(ctx context.Context, uai string) (infos []KeyInfo, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) (err error) {
		infos, err = g.stockIn(r, uai)
		return err
	})
	return infos, err
}

// Stock is Gate.StockOf for an establishment of the clerk's scope. Errors:
// *BarredError, the store's.
func (c Clerk) Stock(ctx context.Context, uai string) (infos []KeyInfo, err error) {
	err = c.gate.shared.store.View(ctx, func(r store.Reader) (err error) {
		if err := c.gate.judge(r, c.session, DeedStock, Subject{Establishments: []string{uai}}, c.gate.now()); err != nil {
			return err
		}
		infos, err = c.gate.stockIn(r, uai)
		return err
	})
	return infos, err
}

func (g *Gate) stockIn(r store.Reader, uai string) (infos []KeyInfo, err error) {
	serials := make(map[Serial]bool)
	for entry, err := range r.Scan(stockOf(uai), "") {
		if err != nil {
			return nil, err
		}
		serials[Serial(strings.TrimPrefix(entry.Key, stockOf(uai)))] = true
	}
	for entry, err := range r.Scan(membersAt(uai), "") {
		if err != nil {
			return nil, err
		}
		a, err := g.accountIn(r, Identifier(strings.TrimPrefix(entry.Key, membersAt(uai))))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if err != nil || !slices.Contains(a.Establishments(), uai) {
			continue
		}
		for _, serial := range a.Keys {
			serials[serial] = serials[serial] || false
		}
	}
	for _, serial := range slices.Sorted(maps.Keys(serials)) {
		k, err := g.keyIn(r, serial)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if serials[serial] && k.Stock != uai && k.Holder == "" {
			continue // its name alone says that it is here
		}
		infos = append(infos, k.Info())
	}
	return infos, nil
}
