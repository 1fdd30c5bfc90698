package admin

import "context"

// Person is who asks for a change: the name and role of the token it came with.
type Person struct {
	Name string
	Role Role
}

type roleKey struct{}

// Asker is who asks; the zero Person when no token was needed.
func Asker(ctx context.Context) Person {
	role, _ := ctx.Value(roleKey{}).(Role)
	return Person{Actor(ctx), role}
}
