// Package deploy deploys the template to AWS, after checks of all that a
// deployment can fail by: the parameters, the issuer, the bearer of the smoke
// test, and what the account has. Nothing is made before every check has passed.
//
// It calls the commands aws and sam, as an operator would.
package deploy

import "fmt"

// Problem is something that has to be put right before a deployment. Its text has
// the value, and names the right ones.
type Problem string

func problem(format string, args ...any) Problem { return Problem(fmt.Sprintf(format, args...)) }
