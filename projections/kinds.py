"""Events by what they are about, so that a read model can say what it passes over."""

from schemas import events as e

AccountEvent = e.AccountCreated | e.SettingsChanged
OperatorEvent = (
    e.OperatorAdded
    | e.OperatorChanged
    | e.OperatorRemoved
    | e.AvailabilityChanged
    | e.OperatorPaused
    | e.OperatorActivated
)
CredentialEvent = e.PasswordSet | e.TokenIssued | e.TokenRevoked
DeskEvent = e.DeskAdded | e.DeskChanged | e.DeskRemoved | e.DeskStaffed | e.DeskLeft
GroupEvent = e.GroupAdded | e.GroupChanged | e.GroupRemoved
VisitorEvent = e.VisitorAdded | e.VisitorChanged
TalkEvent = e.MessagePosted | e.MessagesRead
SeatEvent = e.ConversationOpened | e.ConversationClosed
ChatEvent = (
    e.ChatRequested | e.ChatQueued | e.ChatJoined | e.ChatLeft | e.ChatTransferred | e.ChatClosed
)
