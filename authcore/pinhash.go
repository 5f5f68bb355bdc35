package authcore

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/crypto/argon2"
)

// PINHash is a PIN as it is kept: argon2id (RFC 9106) over the PIN under a
// pepper that is not in the store, in the PHC string form
// $argon2id$v=19$m=…,t=…,p=…,keyid=…$salt$hash. The zero value is no PIN.
//
// The pepper is what protects a PIN: all 10,000 PINs of four digits fall in
// minutes to whoever has hash and pepper, and to nobody who has the hash alone.
type PINHash string

// IsZero reports that no PIN is defined.
func (h PINHash) IsZero() bool { return h == "" }

// Format prints a placeholder for every verb; string(h) gives the hash.
func (PINHash) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue is the placeholder that slog prints.
func (PINHash) LogValue() slog.Value { return slog.StringValue(redacted) }

// A pinCost is what one hash takes.
type pinCost struct {
	memory  uint32 // KiB
	time    uint32 // passes
	threads uint8
}

const (
	argonSalt = 16 // bytes
	argonSum  = 32 // bytes
)

const phcForm = "$argon2id$v=19$m=%d,t=%d,p=%d,keyid=%d$%s$%s"

// A pinJudge hashes PINs, few at a time and with a bounded queue: argon2id is
// the one thing in a login that costs, and only who holds a key may cause it.
type pinJudge struct {
	running chan struct{} // a place for each hash under way
	waiting chan struct{} // a place for each login in the room, running ones included
	cost    pinCost       // of a new PIN; an older one goes by what its hash says
}

// newPINJudge makes a judge whose hashes take 12 MiB and three passes, some 18 ms
// of one core, in blocks small enough not to upset the collector.
func newPINJudge(running, waiting int) *pinJudge {
	return &pinJudge{
		running: make(chan struct{}, running),
		waiting: make(chan struct{}, running+waiting),
		cost:    pinCost{memory: 12 * 1024, time: 3, threads: 1},
	}
}

// hash makes the hash of a new PIN. Errors: ErrBusy, the context's.
func (j *pinJudge) hash(ctx context.Context, s *Secrets, pin PIN) (PINHash, error) {
	id, pepper, err := s.pepper(pin)
	if err != nil {
		return "", err
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	sum, err := j.argon(ctx, pepper, salt, j.cost)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return PINHash(fmt.Sprintf(phcForm, j.cost.memory, j.cost.time, j.cost.threads, id, b64.EncodeToString(salt), b64.EncodeToString(sum))), nil
}

// matches reports whether pin is the PIN behind h. Errors: ErrBusy, the
// context's, a damaged hash, a pepper that is no longer among the secrets.
func (j *pinJudge) matches(ctx context.Context, s *Secrets, h PINHash, pin PIN) (bool, error) {
	p, err := parsePHC(h)
	if err != nil {
		return false, err
	}
	pepper, err := s.pepperOf(p.keyID, pin)
	if err != nil {
		return false, err
	}
	sum, err := j.argon(ctx, pepper, p.salt, p.cost)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, p.sum) == 1, nil
}

// argon runs one hash when there is room. Its place is given back when the hash
// ends, not when the client leaves: else leaving would be a way to run more.
func (j *pinJudge) argon(ctx context.Context, password, salt []byte, c pinCost) ([]byte, error) {
	select {
	case j.waiting <- struct{}{}:
		defer func() { <-j.waiting }()
	default:
		return nil, ErrBusy
	}
	select {
	case j.running <- struct{}{}:
		defer func() { <-j.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey(password, salt, c.time, c.memory, c.threads, argonSum), nil
}

type phc struct {
	cost      pinCost
	keyID     uint32
	salt, sum []byte
}

// parsePHC reads what hash wrote, and refuses parameters that would cost more
// than we ever ask for.
func parsePHC(h PINHash) (phc, error) {
	damaged := errors.New("a PIN's hash is damaged: clear the PIN of this key")
	var p phc
	var rest string
	if _, err := fmt.Sscanf(string(h), "$argon2id$v=19$m=%d,t=%d,p=%d,keyid=%d$%s", &p.cost.memory, &p.cost.time, &p.cost.threads, &p.keyID, &rest); err != nil {
		return phc{}, damaged
	}
	salt, sum, ok := cutPHC(rest)
	if !ok || p.cost.memory > 64*1024 || p.cost.time > 10 || p.cost.threads == 0 || p.cost.time == 0 || len(sum) != argonSum || len(salt) < 8 {
		return phc{}, damaged
	}
	p.salt, p.sum = salt, sum
	return p, nil
}

func cutPHC(rest string) (salt, sum []byte, ok bool) {
	for i := range len(rest) {
		if rest[i] != '$' {
			continue
		}
		salt, err1 := base64.RawStdEncoding.DecodeString(rest[:i])
		sum, err2 := base64.RawStdEncoding.DecodeString(rest[i+1:])
		return salt, sum, err1 == nil && err2 == nil
	}
	return nil, nil, false
}
