package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// chaos is a mixed load that goes on through outages: orders, revocations of
// whatever was ever issued, new accounts, key changes, spent nonces, and orders
// that an outage left half-way. All that is acknowledged goes to the journal.
type chaos struct {
	*load
	mu      sync.Mutex
	members []*member
	byURL   map[string]*member // all that ever were, by account URL
	held    []*issuedBy
	halfway []*halfway
	crlURL  string
}

// member is an account whose key may change; whoever uses it holds the read lock.
type member struct {
	sync.RWMutex
	account *account
}

type issuedBy struct {
	who *member
	der []byte
}

type halfway struct {
	who   *member
	order *pendingOrder
}

const mostHeld = 20000

func newChaos(l *load, accounts []*account) *chaos {
	x := &chaos{load: l, byURL: map[string]*member{}}
	l.c.spent = &nonceRing{}
	l.unfinished = x.keep
	for _, a := range accounts {
		x.members = append(x.members, x.member(a))
	}
	go x.watchList()
	return x
}

func (x *chaos) member(a *account) *member {
	m := &member{account: a}
	x.byURL[a.kid] = m
	return m
}

func (x *chaos) step(ctx context.Context, rec *recorder, _ int) error {
	var err error
	switch p := rand.Intn(100); {
	case p < 80:
		err = x.order(ctx, rec)
	case p < 87:
		err = x.revokeAny(ctx, rec)
	case p < 90:
		err = x.newMember(ctx, rec)
	case p < 93:
		err = x.changeKey(ctx, rec)
	case p < 97:
		err = x.replay(ctx, rec)
	default:
		err = x.resume(ctx, rec)
	}
	var p *problem
	if err != nil && (!errors.As(err, &p) || p.Status >= 500) {
		time.Sleep(25 * time.Millisecond) // the server is away or cannot
	}
	return err
}

func (x *chaos) anyMember() *member {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.members[rand.Intn(len(x.members))]
}

func (x *chaos) order(ctx context.Context, rec *recorder) error {
	m := x.anyMember()
	m.RLock()
	defer m.RUnlock()
	got, err := x.issue(ctx, rec, m.account)
	if err == nil {
		x.hold(m, got.der)
	}
	return err
}

// keep puts an order aside that was finalized and whose certificate did not come.
func (x *chaos) keep(p *pendingOrder) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if m := x.byURL[p.owner.kid]; m != nil {
		x.halfway = append(x.halfway, &halfway{m, p})
	}
}

func (x *chaos) hold(m *member, der []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.crlURL == "" {
		if c, err := x509.ParseCertificate(der); err == nil && len(c.CRLDistributionPoints) > 0 {
			x.crlURL = c.CRLDistributionPoints[0]
		}
	}
	if len(x.held) < mostHeld {
		x.held = append(x.held, &issuedBy{m, der})
	} else {
		x.held[rand.Intn(mostHeld)] = &issuedBy{m, der}
	}
}

func (x *chaos) revokeAny(ctx context.Context, rec *recorder) error {
	x.mu.Lock()
	if len(x.held) == 0 {
		x.mu.Unlock()
		return nil
	}
	i := rand.Intn(len(x.held))
	c := x.held[i]
	x.held[i] = x.held[len(x.held)-1]
	x.held = x.held[:len(x.held)-1]
	x.mu.Unlock()
	c.who.RLock()
	defer c.who.RUnlock()
	err := x.revoke(ctx, rec, &issued{owner: c.who.account, der: c.der})
	if err != nil && errorKind(err) == "alreadyRevoked" {
		x.c.journal.note("revoked", "der", b64(c.der)) // an earlier try whose answer was lost
		return nil
	}
	if err != nil {
		x.hold(c.who, c.der)
		if errorKind(err) == "malformed" || errorKind(err) == "unauthorized" {
			x.c.journal.note("violation", "what", "a certificate cannot be revoked: "+err.Error())
		}
	}
	return err
}

func (x *chaos) newMember(ctx context.Context, rec *recorder) error {
	a, err := x.register(ctx, rec)
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.members[rand.Intn(len(x.members))] = x.member(a)
	x.mu.Unlock()
	return nil
}

// changeKey gives an account a new key. When the answer is lost the server is
// asked which key holds, for as long as it takes.
func (x *chaos) changeKey(ctx context.Context, rec *recorder) error {
	m := x.anyMember()
	if !m.TryLock() {
		return nil
	}
	defer m.Unlock()
	old := m.account
	fresh, err := newAccountKey()
	if err != nil {
		return err
	}
	inner, err := json.Marshal(map[string]any{"account": old.kid, "oldKey": old.key.jwk})
	if err != nil {
		return err
	}
	payload, err := fresh.sign("", "", x.c.dir.KeyChange, inner)
	if err != nil {
		return err
	}
	changed := &account{key: fresh, kid: old.kid}
	x.c.journal.note("key-try", "url", old.kid, "key", fresh.thumbprint)
	_, err = x.c.post(ctx, rec, "keyChange", old, x.c.dir.KeyChange, payload)
	for {
		var p *problem
		switch {
		case err == nil:
			x.c.journal.note("key", "url", old.kid, "key", fresh.thumbprint)
			m.account = changed
			return nil
		case errors.As(err, &p) && p.Type == "urn:ietf:params:acme:error:accountDoesNotExist":
			return nil // the old key holds
		case errors.As(err, &p) && p.Status < 500:
			return err
		}
		time.Sleep(50 * time.Millisecond)
		// The account outlives the step: until it is known, nobody can use it.
		_, err = x.c.post(context.Background(), rec, "newAccount", &account{key: fresh}, x.c.dir.NewAccount,
			[]byte(`{"onlyReturnExisting":true}`))
		if stopped.Load() {
			return err
		}
	}
}

// replay sends a nonce for the second time, a spent one or a fresh one twice at once.
func (x *chaos) replay(ctx context.Context, rec *recorder) error {
	m := x.anyMember()
	m.RLock()
	defer m.RUnlock()
	send := func(nonce string) (bool, error) {
		body, err := m.account.key.sign(m.account.kid, nonce, m.account.kid, nil)
		if err != nil {
			return false, err
		}
		r, err := x.c.do(ctx, newRecorder(), "replay", http.MethodPost, m.account.kid, body)
		return err == nil && r.status < 400, err
	}
	if rand.Intn(2) == 0 {
		nonce := x.c.spent.any(rand.Intn)
		taken, err := send(nonce)
		if taken && nonce != "" {
			x.c.journal.note("violation", "what", "a spent nonce was taken again")
		}
		return err
	}
	nonce, err := x.c.fetchNonce(ctx, rec)
	if err != nil {
		return err
	}
	var taken [2]bool
	var wg sync.WaitGroup
	for i := range taken {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			taken[i], _ = send(nonce)
		}(i)
	}
	wg.Wait()
	if taken[0] && taken[1] {
		x.c.journal.note("violation", "what", "a nonce was taken twice at once")
	}
	return nil
}

// resume goes on with an order that was finalized and whose answer was lost.
func (x *chaos) resume(ctx context.Context, rec *recorder) error {
	x.mu.Lock()
	if len(x.halfway) == 0 {
		x.mu.Unlock()
		return nil
	}
	h := x.halfway[0]
	x.halfway = x.halfway[1:]
	x.mu.Unlock()
	h.who.RLock()
	defer h.who.RUnlock()
	p := *h.order
	p.owner = h.who.account
	r, err := x.c.post(ctx, rec, "order", p.owner, p.url, nil)
	if err == nil {
		var o order
		if err = json.Unmarshal(r.body, &o); err == nil {
			switch o.Status {
			case "ready":
				r = nil
			case "pending":
				return nil // its challenge was never answered
			}
			var got *issued
			if got, err = x.complete(ctx, rec, &p, r); err == nil {
				x.hold(h.who, got.der)
				return nil
			}
		}
	}
	var refused *problem
	if !errors.As(err, &refused) || refused.Status >= 500 {
		x.mu.Lock()
		x.halfway = append(x.halfway, &halfway{h.who, &p})
		x.mu.Unlock()
	} else {
		x.c.journal.note("lost-order", "url", p.url, "error", err.Error())
	}
	return err
}

// watchList fetches the revocation list for as long as the load runs; its
// number and time may only rise.
func (x *chaos) watchList() {
	client := &http.Client{Timeout: 5 * time.Second}
	var number, this int64
	var digest string
	for ; ; time.Sleep(200 * time.Millisecond) {
		x.mu.Lock()
		url := x.crlURL
		x.mu.Unlock()
		if url == "" {
			continue
		}
		resp, err := client.Get(url)
		if err != nil {
			continue
		}
		der, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			continue
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			x.c.journal.note("violation", "what", "the revocation list cannot be read: "+err.Error())
			continue
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(der))
		n, t := list.Number.Int64(), list.ThisUpdate.Unix()
		if n < number || t < this || n == number && sum != digest {
			x.c.journal.note("violation", "what", fmt.Sprintf("the revocation list went back: number %d after %d, time %d after %d", n, number, t, this))
		}
		if n != number {
			x.c.journal.note("list", "number", strconv.FormatInt(n, 10), "this", strconv.FormatInt(t, 10), "entries", strconv.Itoa(len(list.RevokedCertificates)))
		}
		number, this, digest = n, t, sum
	}
}
