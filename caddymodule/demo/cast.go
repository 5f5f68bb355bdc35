package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/otp"
	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// role is somebody of the demonstration: an account, a key, and the state that
// their story begins in.
type role struct {
	account authcore.Account
	serial  authcore.Serial
	pin     string // "" until they define one
	locked  bool
	off     otp.Step // how far the clock of their key is ahead
	french  string
	english string
}

// cast is who there is to play with, one for each state that a person can meet.
var cast = []role{
	{
		account: authcore.Account{Identifier: "cnouvel", GivenName: "Camille", Surname: "Nouvel", Email: "camille.nouvel@ac-exemple.fr", Groups: []string{"enseignants"}, Functions: []string{"ENS"}, Establishment: "0441550W"},
		serial:  "2600215700011",
		french:  "première connexion : code PIN à définir",
		english: "first connection: PIN to define",
	},
	{
		account: authcore.Account{Identifier: "jdupont", GivenName: "Jeanne", Surname: "Dupont", Email: "jeanne.dupont@ac-exemple.fr", Groups: []string{"enseignants"}, Functions: []string{"ENS"}, Establishment: "0441550W"},
		serial:  "2600215700028", pin: "7294",
		french:  "clé en service",
		english: "key in service",
	},
	{
		account: authcore.Account{Identifier: "mdurand", GivenName: "Michel", Surname: "Durand", Email: "michel.durand@ac-exemple.fr", Groups: []string{"direction"}, Functions: []string{"DIR"}, Establishment: "0441550W"},
		serial:  "2600215700035", pin: "5083",
		french:  "chef d’établissement : toutes les applications",
		english: "head of school: every application",
	},
	{
		account: authcore.Account{Identifier: "smartin", GivenName: "Sophie", Surname: "Martin", Email: "sophie.martin@ac-exemple.fr", Establishment: "0441550W"},
		serial:  "2600215700042", pin: "6150",
		french:  "clé en service, mais aucune application ouverte",
		english: "key in service, but no application opened to her",
	},
	{
		account: authcore.Account{Identifier: "nroux", GivenName: "Nadia", Surname: "Roux", Email: "nadia.roux@ac-exemple.fr", Groups: []string{"enseignants"}, Functions: []string{"ENS"}, Establishment: "0441550W"},
		serial:  "2600215700059", pin: "8417", off: 3,
		french:  "clé dont l’horloge a dérivé : à synchroniser",
		english: "key whose clock has drifted: to synchronise",
	},
	{
		account: authcore.Account{Identifier: "lbernard", GivenName: "Luc", Surname: "Bernard", Email: "luc.bernard@ac-exemple.fr", Groups: []string{"enseignants"}, Functions: []string{"ENS"}, Establishment: "0441550W"},
		serial:  "2600215700066", pin: "9304", locked: true,
		french:  "clé bloquée après cinq codes PIN faux",
		english: "key locked after five wrong PINs",
	},
}

// softKey is what stands for a hardware key: in the demonstration alone does
// anything but the store know a seed.
type softKey struct {
	Holder authcore.Identifier `json:"holder"`
	Serial authcore.Serial     `json:"serial"`
	Seed   []byte              `json:"seed"`
	Off    otp.Step            `json:"off"`
}

func (k softKey) generator() otp.Generator {
	return otp.Generator{Kind: otp.TOTP, Hash: otp.SHA1, Digits: 6, Period: time.Minute, Seed: k.Seed}
}

// shows returns the code on the key's display and how long it will stay there.
func (k softKey) shows(now time.Time) (code string, left time.Duration) {
	g := k.generator()
	step := g.StepAt(now)
	return g.Code(step + k.Off), g.EndOf(step).Sub(now)
}

const (
	keysFile   = "keys.json"
	secretFile = "secret"
	storeDir   = "store"
)

// prepare fills a directory with the cast, or finds it there from an earlier
// time, and returns their keys.
func prepare(ctx context.Context, dir string) ([]softKey, error) {
	file, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err == nil {
		var keys []softKey
		if err := json.Unmarshal(file, &keys); err != nil {
			return nil, fmt.Errorf("%s is damaged; empty the directory %s and start again: %w", keysFile, dir, err)
		}
		return keys, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return nil, errors.Join(err, fmt.Errorf("the directory %s holds something else than a demonstration: give an empty one, or none", dir))
	}
	keys := make([]softKey, 0, len(cast))
	for _, r := range cast {
		seed := make([]byte, 20)
		rand.Read(seed)
		keys = append(keys, softKey{Holder: r.account.Identifier, Serial: r.serial, Seed: seed, Off: r.off})
	}
	if err := stage(ctx, dir, keys); err != nil {
		return nil, err
	}
	file, err = json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return nil, err
	}
	return keys, os.WriteFile(filepath.Join(dir, keysFile), file, 0o600)
}

// stage makes the store and plays everybody's story up to where the
// demonstration begins, an hour ago, so that the codes of now are all fresh.
func stage(ctx context.Context, dir string, keys []softKey) (err error) {
	secrets, err := authcore.NewSecrets()
	if err != nil {
		return err
	}
	content, err := secrets.Marshal()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, secretFile), content, 0o600); err != nil {
		return err
	}
	s := &stageHand{clock: time.Now().Add(-time.Hour)}
	now := func() time.Time { return s.clock }
	db, err := badgerstore.Open(filepath.Join(dir, storeDir), badgerstore.Options{Logger: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if s.gate, err = authcore.New(ctx, authcore.Config{Store: db, Secrets: secrets, Now: now}); err != nil {
		return err
	}
	for i, r := range cast {
		if err := s.play(ctx, r, keys[i]); err != nil {
			return fmt.Errorf("preparing %s: %w", r.account.Identifier, err)
		}
	}
	return nil
}

// stageHand plays the stories on a clock of its own.
type stageHand struct {
	gate  *authcore.Gate
	clock time.Time
}

var by = authcore.Actor{Name: "sesame demo"}

func (s *stageHand) play(ctx context.Context, r role, k softKey) error {
	err := errors.Join(
		s.gate.ImportKey(ctx, by, authcore.NewKey{Serial: r.serial, Generator: k.generator()}),
		s.gate.AddAccount(ctx, by, r.account),
		s.gate.AssignKey(ctx, by, r.serial, r.account.Identifier))
	if err != nil || r.pin == "" {
		return err
	}
	// The clock of a key drifts with the years: it was right on its first day.
	k.Off = 0
	if err := s.firstLogin(ctx, r, k); err != nil || !r.locked {
		return err
	}
	for range s.gate.Policy().LockAfter {
		wrong, err := s.passcode("0000", k)
		if err != nil {
			return err
		}
		answer := authcore.PasscodeAnswer{Identifier: r.account.Identifier, Passcode: wrong}
		if _, err := s.gate.Answer(ctx, s.gate.Begin(""), answer, authcore.Source{}); err != nil {
			return err
		}
	}
	return nil
}

// firstLogin defines the PIN, as the guide tells it.
func (s *stageHand) firstLogin(ctx context.Context, r role, k softKey) error {
	code, err := s.passcode("", k)
	if err != nil {
		return err
	}
	pin, err := authcore.ParsePIN(r.pin)
	if err != nil {
		return err
	}
	c := s.gate.Begin("")
	for _, answer := range []func() (authcore.Answer, error){
		func() (authcore.Answer, error) {
			return authcore.PasscodeAnswer{Identifier: r.account.Identifier, Passcode: code}, nil
		},
		func() (authcore.Answer, error) { return authcore.NewPINAnswer{PIN: pin, Again: pin}, nil },
		func() (authcore.Answer, error) {
			p, err := s.passcode(r.pin, k)
			return authcore.NewPasscodeAnswer{Passcode: p}, err
		},
	} {
		a, err := answer()
		if err != nil {
			return err
		}
		reply, err := s.gate.Answer(ctx, c, a, authcore.Source{})
		if err != nil {
			return err
		}
		c = reply.Challenge
	}
	if c.Question != authcore.Done {
		return fmt.Errorf("the first login stopped at %s", c.Question)
	}
	return s.gate.EndSessions(ctx, by, r.account.Identifier)
}

// passcode waits for the next code and types it behind a PIN.
func (s *stageHand) passcode(pin string, k softKey) (authcore.Passcode, error) {
	s.clock = s.clock.Add(time.Minute)
	code, _ := k.shows(s.clock)
	return authcore.ParsePasscode(pin + code)
}
