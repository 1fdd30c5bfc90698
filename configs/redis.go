package configs

import (
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Options are the client's options for reading numbers. An error means that a
// certificate file changed under us since Load.
func (r Redis) Options() (*redis.UniversalOptions, error) {
	o := &redis.UniversalOptions{
		Addrs: r.Addresses, DB: r.DB, Username: r.Username, Password: r.Password.Reveal(),
		SentinelUsername: r.SentinelUsername, SentinelPassword: r.SentinelPassword.Reveal(),
		// Said outright: the library would guess the mode from the number of
		// addresses. Replicas never answer for a number's authority, so ReadOnly
		// and RouteByLatency stay off.
		IsClusterMode: r.Mode == "cluster",
	}
	if r.Mode == "sentinel" {
		o.MasterName = r.SentinelMaster
	}
	if r.TLS == nil {
		return o, nil
	}
	var err error
	if o.TLSConfig, err = r.TLS.Config(); err != nil {
		return nil, fmt.Errorf("configs: redis.tls: %w", err)
	}
	return o, nil
}

// WriterOptions are the options for writing numbers: the same store with the
// writer's credential; false when this edge has none.
func (r Redis) WriterOptions() (*redis.UniversalOptions, bool, error) {
	if r.Writer == nil {
		return nil, false, nil
	}
	o, err := r.Options()
	if err != nil {
		return nil, false, err
	}
	o.Username, o.Password = r.Writer.Username, r.Writer.Password.Reveal()
	return o, true, nil
}
