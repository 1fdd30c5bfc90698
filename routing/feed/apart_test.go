package feed

import (
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// A client writes to its own options while its connections shake hands: this
// store knows no maintenance notifications, and each connection notes that. A
// visit that begins meanwhile must not read there. The race detector is the judge.
func TestVisitsBeginWhileTheSharedClientShakesHands(t *testing.T) {
	store := miniredis.RunT(t)
	for range 20 {
		shared := redis.NewClient(&redis.Options{Addr: store.Addr(), PoolSize: 8})
		var hands, visits sync.WaitGroup
		begin := make(chan struct{})
		for range 8 {
			hands.Go(func() {
				<-begin
				if err := shared.Ping(t.Context()).Err(); err != nil {
					t.Error(err)
				}
			})
			visits.Go(func() {
				<-begin
				s := newSource(shared, Options{})
				defer s.close()
				if err := s.rdb.Ping(t.Context()).Err(); err != nil {
					t.Error(err)
				}
			})
		}
		close(begin)
		hands.Wait()
		visits.Wait()
		if err := shared.Close(); err != nil {
			t.Error(err)
		}
	}
}
