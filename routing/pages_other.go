//go:build !linux

package routing

func together([]bucket) {}
