package attr

// Codes of the refusals.
const (
	ValidationException    = "ValidationException"
	SerializationException = "SerializationException"
)

// Error is a refusal with AWS's code and wording.
type Error struct {
	Code    string
	Message string
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

func invalid(message string) *Error { return &Error{Code: ValidationException, Message: message} }

func unreadable(message string) *Error { return &Error{Code: SerializationException, Message: message} }

const (
	msgEmptyValue = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
	msgManyTypes  = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
	msgParameter  = "One or more parameter values were invalid: "
	msgNesting    = "Nesting Levels have exceeded supported limits"
)
