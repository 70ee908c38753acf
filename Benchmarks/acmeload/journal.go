package main

import (
	"encoding/json"
	"net/http/httptrace"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// journal is what a client was told and what it was about to try, a JSON object
// a line, written before the next step. The witness against a server that
// forgets. A nil journal takes everything and keeps nothing.
type journal struct {
	mu   sync.Mutex
	file *os.File
}

func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &journal{file: f}, nil
}

// note writes one line: its kind in "k", the time in "t", and the pairs.
func (j *journal) note(kind string, pairs ...string) {
	if j == nil {
		return
	}
	line := map[string]any{"k": kind, "t": float64(time.Now().UnixMicro()) / 1e6}
	for i := 0; i+1 < len(pairs); i += 2 {
		line[pairs[i]] = pairs[i+1]
	}
	b, err := json.Marshal(line)
	if err != nil {
		panic(err) // strings and a number can be written
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(b, '\n')); err != nil {
		panic(err) // a witness that cannot write is none
	}
}

// sending is how far a request came.
type sending struct{ written, reused atomic.Bool }

func (s *sending) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			s.reused.Store(i.Reused)
			s.written.Store(false) // the transport may have begun anew on another connection
		},
		WroteRequest: func(i httptrace.WroteRequestInfo) { s.written.Store(i.Err == nil) },
	}
}

// unanswered notes a request that went out whole and to which no whole answer
// came. What never went out (connection refused) is nobody's loss.
func (j *journal) unanswered(endpoint string, s *sending, err error) {
	if j == nil || !s.written.Load() {
		return
	}
	reused := "no"
	if s.reused.Load() {
		reused = "yes"
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	j.note("unanswered", "endpoint", endpoint, "reused", reused, "error", text)
}

// nonceRing remembers the latest nonces with which a request was accepted.
type nonceRing struct {
	mu   sync.Mutex
	all  []string
	next int
}

const ringSize = 4096

func (r *nonceRing) put(n string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) < ringSize {
		r.all = append(r.all, n)
		return
	}
	r.all[r.next] = n
	r.next = (r.next + 1) % ringSize
}

// any gives one of them; "" when there is none.
func (r *nonceRing) any(pick func(int) int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return ""
	}
	return r.all[pick(len(r.all))]
}
