package feed

import (
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Apart is the options for a client of one's own, to the same store as one that
// lives. The library's client goes on writing to what its options point at: each
// handshake may turn maintenance notifications off in the very struct a plain
// copy would share, and a second client would register with the processor of the
// first. A client made from Apart reads nothing the other writes.
//
// It asks for no maintenance notifications: they move a connection to another
// server behind its owner's back, and whoever wants a client of its own wants to
// know which server answers.
func Apart(live *redis.Client) redis.Options {
	o := *live.Options()
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PushNotificationProcessor = nil
	return o
}

// ApartCluster is Apart for a client of a cluster.
func ApartCluster(live *redis.ClusterClient) redis.ClusterOptions {
	o := *live.Options()
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.PushNotificationProcessor = nil
	return o
}
