"""A local stand-in of a Salesforce org that the real simple-salesforce client talks to unchanged.

How it keeps what people do, which an adapter has to be able to read:

- A call is a Task: TaskSubtype `Call`, Status `Completed`, CallType `Outbound` or `Inbound`, CallDisposition `No Answer`,
  `Left Message`, `Connected` or `Busy`. A finished call task becomes the call itself.
- An outbound mail is a Task: TaskSubtype `Email`, Type `Email`, Status `Completed`, Subject `Email: ...`. Mass mail has
  TaskSubtype `ListEmail`. There is no EmailMessage for either, as in orgs where reps log mail from their own client.
- An inbound mail is the same kind of Task, its Subject as it came, owned by the rep, **and** an EmailMessage with
  Incoming = true whose ActivityId is the task: the task alone does not tell the direction. EmailMessage.RelatedToId
  stays empty for leads, as in Salesforce. An automatic reply has the Subject `Automatic reply: ...` and
  `Auto-Submitted: auto-replied` in EmailMessage.Headers, which cannot be filtered.
- A meeting is an Event, a note is a Note with ParentId, an enrolment is a CampaignMember or an ActionCadenceTracker.
- ActivityDate is the day in UTC. Any write of a task or event moves SystemModstamp of the lead, contact or opportunity
  it is about, not LastModifiedDate; LastActivityDate follows closed tasks' due days and events' starts.

Where the real behaviour is not known, it does the nastier thing: rows without ORDER BY come newest first; a new cursor
beyond ten ends the oldest; merging and converting move activities without any stamp; a lead's conversion moves its
tasks to the contact; an unknown CampaignMember status silently becomes the default; a binned task gives its key free;
the assignment rule takes every lead that is written without `Sforce-Auto-Assign: FALSE`; a second cadence for one
target fails; date literals follow an API user in Los Angeles; a queue owns leads, not tasks.
"""

from adapters.sandbox.salesforce.sandbox import SandboxSalesforce

__all__ = ["SandboxSalesforce"]
