//go:build !linux

package routing

func outside(int) ([]bucket, []byte) { return nil, nil }

func giveBack([]byte) {}
