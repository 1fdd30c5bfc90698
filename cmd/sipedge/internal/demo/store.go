package demo

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// OpenStore starts a Redis inside this process. It answers INFO replication as
// a master does, which the cutover protocol asks for: a server that is another
// one each time it starts.
func OpenStore() (*miniredis.Miniredis, error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, fmt.Errorf("embedded redis: %w", err)
	}
	var life [20]byte
	_, _ = rand.Read(life[:]) // never fails
	answer := "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:" + hex.EncodeToString(life[:]) + "\r\n"
	m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		if cmd != "INFO" || len(args) != 1 || args[0] != "replication" {
			return false
		}
		c.WriteBulk(answer)
		return true
	})
	return m, nil
}
