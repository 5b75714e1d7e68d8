require("selfish")
return {}
